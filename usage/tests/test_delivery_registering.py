"""Entries of an account that the Exchange does not know yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire, told
from usage.delivery import Round, deliver_due, deliver_now
from usage.factories import make_entry
from usage.models import DeliveryHold
from usage.tests.reporting import (
    Counting,
    state_of,
)

pytestmark = pytest.mark.django_db
AWAY = ConnectionRefusedError()


def run(account: ExchangeAccount, **options: int) -> Round:
    return deliver_due(account.exchange, **options)


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def test_an_account_is_registered_first(wire: Wire, exchange: Counting) -> None:
    account = make_account(registered=False)
    wire.answers("POST", "/users", told(account))
    entry = make_entry(account=account)
    assert run(account).delivered == 1
    assert exchange.counted[0]["user_id"] == 7
    assert state_of(entry) == "delivered"


def test_a_refused_registration_holds_that_account_alone(
    account: ExchangeAccount, wire: Wire, exchange: Counting
) -> None:
    stranger = make_account(registered=False)
    wire.answers("POST", "/users", {"error": "We do not take you."}, status=422)
    waiting, entry = make_entry(account=stranger), make_entry(account=account)
    done = run(account)
    assert (done.delivered, state_of(entry), state_of(waiting)) == (1, "delivered", "pending")
    hold = DeliveryHold.objects.get(account=stranger)
    assert "We do not take you." in hold.error
    asked = len(wire.sent("/users"))
    assert not run(account).has_news
    assert len(wire.sent("/users")) == asked
    # and it is asked again after a while
    with later(10):
        run(account)
    assert len(wire.sent("/users")) == asked + 1
    assert DeliveryHold.objects.get(account=stranger).failures == 2


def test_an_exchange_that_is_away_at_registration_is_left_in_peace(wire: Wire) -> None:
    account = make_account(registered=False)
    wire.answers("POST", "/users", AWAY)
    make_entry(account=account)
    assert run(account).paused_until is not None
    assert not DeliveryHold.objects.exists()


def test_a_registration_that_succeeds_ends_the_hold(wire: Wire, exchange: Counting) -> None:
    account = make_account(registered=False)
    wire.answers("POST", "/users", told(account))
    DeliveryHold.objects.create(account=account, until=timezone.now() - timedelta(seconds=1), failures=3)
    make_entry(account=account)
    assert run(account).delivered == 1
    assert not DeliveryHold.objects.exists()


def test_a_page_registers_the_account_for_its_entry(wire: Wire, exchange: Counting) -> None:
    account = make_account(registered=False)
    wire.answers("POST", "/users", told(account))
    assert deliver_now(make_entry(account=account), deadline=4).state == "delivered"


def test_a_page_does_not_ask_again_at_once_after_a_refusal(wire: Wire, exchange: Counting) -> None:
    account = make_account(registered=False)
    wire.answers("POST", "/users", {"error": "We do not take you."}, status=422)
    states = [deliver_now(make_entry(account=account), deadline=4).state for _ in range(3)]
    assert states == ["pending"] * 3
    assert len(wire.sent("/users")) == 1
    assert exchange.keys == []
