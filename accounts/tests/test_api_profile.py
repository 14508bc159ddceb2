"""profile: who calls, and how they are registered."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.factories import make_account, make_exchange, make_user
from accounts.models import Exchange, ExchangeAccount
from accounts.tests.api import person, program, told
from accounts.tests.helpers import counted_queries

pytestmark = pytest.mark.django_db
FIELDS = {
    "email",
    "display_name",
    "registered",
    "user_id",
    "roles",
    "provider",
    "free_tokens",
    "as_of",
    "exchange",
}


def test_a_consumer(account: ExchangeAccount) -> None:
    ExchangeAccount.objects.update(free_granted=50_000, free_used=12_500)
    document = told(program(account.user, "read").get("/profile"))
    assert set(document) == FIELDS
    assert document["roles"] == ["consumer"]
    assert document["provider"] is None
    assert document["user_id"] == account.exchange_user_id
    assert document["free_tokens"] == {"granted": 50_000, "used": 12_500, "left": 37_500}


def test_a_provider() -> None:
    account = make_account(provider=True, provider_name="Acme Inference")
    document = told(person(account.user).get("/profile"))
    assert document["roles"] == ["consumer", "provider"]
    assert document["provider"] == {
        "id": account.provider_id,
        "display_name": "Acme Inference",
        "description": "",
    }


def test_who_is_not_registered_yet() -> None:
    document = told(person(make_account(registered=False).user).get("/profile"))
    assert (document["registered"], document["user_id"], document["free_tokens"]) == (False, None, None)


def test_it_says_how_the_exchange_did(account: ExchangeAccount) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    Exchange.objects.update(reached_at=at, failed_at=None)
    exchange = told(person(account.user).get("/profile"))["exchange"]
    assert exchange == {
        "base_url": settings.TOKLIGENCE.base_url,
        "state": "connected",
        "checked_at": "2026-03-01T12:00:00Z",
    }
    Exchange.objects.update(failed_at=timezone.now())
    assert told(person(account.user).get("/profile"))["exchange"]["state"] == "unreachable"


def test_an_account_at_another_exchange_is_not_shown() -> None:
    user = make_user()
    there = make_account(user=user, exchange=make_exchange(base_url="http://other.example"), provider=True)
    document = told(person(user).get("/profile"))
    assert document["registered"] is False
    assert document["provider"] is None
    assert there.exchange_user_id is not None


def test_how_many_queries_it_takes(account: ExchangeAccount) -> None:
    caller = program(account.user)
    caller.get("/profile")
    # the secret with its key and person; the account with its Exchange
    with counted_queries(2):
        caller.get("/profile")
