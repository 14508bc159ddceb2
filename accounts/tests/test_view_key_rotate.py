from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.api_keys import create_key, key_of
from accounts.keys.budgets import Budget, standing_of
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount, Session
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.helpers import counted_queries, text_of
from usage.factories import make_entry

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"tgk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}")
BUDGET = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.TOTAL, limit=10_000)
DAY = 24 * 3600


@pytest.fixture
def old(account: ExchangeAccount) -> str:
    """The secret that the key had from the start."""
    return create_key(account.user, KeySettings(label="Agent", budget=BUDGET)).secret_text


def rotate(
    client: Client, *, overlap: int | str = DAY, token: str | None = None, sure: bool = False
) -> HttpResponse:
    told = {"overlap": str(overlap), "form_token": uuid.uuid4().hex if token is None else token}
    if sure:
        told["sure"] = "on"
    return client.post(f"/accounts/keys/{ApiKey.objects.get().pk}/rotate/", told)


def secret_in(response: HttpResponse) -> str:
    (secret,) = set(SECRET.findall(text_of(response)))
    return secret


def test_both_secrets_work_until_the_overlap_is_over(signed_in: Client, old: str) -> None:
    response = rotate(signed_in)
    new = secret_in(response)
    assert response.status_code == 200
    assert new != old
    assert key_of(old) == key_of(new) == ApiKey.objects.get()
    with time_machine.travel(timezone.now() + timedelta(hours=23), tick=False):
        assert key_of(old)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert key_of(old) is None
        assert key_of(new)


def test_without_an_overlap_the_old_one_ends_at_once(signed_in: Client, old: str) -> None:
    response = rotate(signed_in, overlap=0, sure=True)
    assert "The secrets from before have ended." in text_of(response)
    assert key_of(old) is None
    assert key_of(secret_in(response))


def test_budget_and_history_go_on(signed_in: Client, account: ExchangeAccount, old: str) -> None:
    key = ApiKey.objects.get()
    entry = make_entry(account=account, source="api", api_key=key)
    rotate(signed_in)
    key.refresh_from_db()
    assert standing_of(key, timezone.now()).figure == 1500
    assert key.budget_limit == 10_000
    assert entry.api_key == key


def test_the_secret_is_in_this_answer_and_nowhere_else(
    signed_in: Client, old: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.accounts")
    response = rotate(signed_in)
    random_part = secret_in(response).rpartition("_")[2]
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    for path in ("/accounts/keys/", f"/accounts/keys/{key.pk}/", f"/accounts/keys/{key.pk}/rotate/"):
        assert random_part not in text_of(signed_in.get(path, follow=True))
    rows = [*ApiKeySecret.objects.values_list(), *Session.objects.values_list()]
    assert len(rows) == 3
    assert random_part not in repr(rows)
    assert "api_key_rotated" in caplog.text
    assert random_part not in caplog.text


def test_a_form_that_is_sent_twice_makes_one_secret(signed_in: Client, old: str) -> None:
    token = uuid.uuid4().hex
    new = secret_in(rotate(signed_in, token=token))
    again = rotate(signed_in, token=token, overlap=0, sure=True)
    page = signed_in.get(again["Location"])
    assert "This secret was made already, and it was shown then." in text_of(page)
    assert SECRET.search(text_of(page)) is None
    assert ApiKeySecret.objects.count() == 2
    assert key_of(old), "the second form ended nothing"
    assert key_of(new)


def test_to_end_the_old_one_at_once_takes_a_tick_and_nothing_changes_without(
    signed_in: Client, old: str
) -> None:
    response = rotate(signed_in, overlap=0)
    page = text_of(response)
    assert response.status_code == 422
    assert list(response.context["rotate_form"].errors) == ["sure"]  # type: ignore[attr-defined]
    assert 'id="rotate" open' in page
    assert not SECRET.search(page)
    assert key_of(old)
    assert ApiKeySecret.objects.count() == 1


@pytest.mark.parametrize("overlap", ["", "-1", "1", "2592001", "x"])
def test_an_overlap_that_is_not_offered_changes_nothing(signed_in: Client, old: str, overlap: str) -> None:
    response = rotate(signed_in, overlap=overlap)
    assert response.status_code == 422
    assert list(response.context["rotate_form"].errors) == ["overlap"]  # type: ignore[attr-defined]
    assert '<details class="fold-out" id="rotate" open>' in text_of(response)
    assert ApiKeySecret.objects.count() == 1
    assert key_of(old)


def test_the_list_names_what_still_works(signed_in: Client, old: str) -> None:
    rotate(signed_in, overlap=3600)
    page = text_of(signed_in.get("/accounts/keys/"))
    assert page.count("…</code>") == 2
    ApiKeySecret.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
    assert text_of(signed_in.get("/accounts/keys/")).count("…</code>") == 1


def test_its_queries(signed_in: Client, old: str) -> None:
    # 1 session, 2 user, 3 the key, 4 its secrets, 5 whether this form made one before, 6 the key once more,
    # locked, 7 the new secret, 8 the end of the others, 9 the audit event, 10 the account with its Exchange,
    # 11 the services, 12 whether the books differ
    number = ApiKey.objects.get().pk
    with counted_queries(12):
        signed_in.post(
            f"/accounts/keys/{number}/rotate/", {"overlap": str(DAY), "form_token": uuid.uuid4().hex}
        )
