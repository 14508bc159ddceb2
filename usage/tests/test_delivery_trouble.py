"""An Exchange in trouble is left in peace, and an entry in trouble stops no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import exchanges
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage.delivery import Round, deliver_due, deliver_now
from usage.factories import make_entries, make_entry
from usage.models import Delivery, DeliveryQueue
from usage.tests.reporting import (
    Counting,
    delivery_of,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db
AWAY = ConnectionRefusedError()


def run(account: ExchangeAccount, **options: int) -> Round:
    return deliver_due(account.exchange, **options)


def forget() -> None:
    """All that a process remembers, as if it were another one: its breaker has a clock of its own."""
    exchanges._client_for.cache_clear()


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def test_an_exchange_that_is_away_is_not_asked_for_every_entry(account: ExchangeAccount, wire: Wire) -> None:
    wire.answers("POST", "/usage", AWAY)
    entries = make_entries(account, 30)
    prove(account)
    done = run(account)
    assert done.paused_until is not None
    assert done.failure
    calls = len(wire.calls)
    assert calls <= 3  # one report, with its own repeats
    assert {state_of(entry) for entry in entries} == {"pending"}
    # what was taken with it and not sent is as it was
    assert [delivery_of(entry).attempts for entry in entries[1:]] == [0] * 29
    assert not run(account).has_news
    assert len(wire.calls) == calls
    assert tallies_are_right()


def test_the_pause_is_longer_with_each_failure_and_over_with_the_first_answer(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    make_entries(account, 2)
    exchange.before = lambda _body, _key: (503, "")
    pauses = []
    now = timezone.now()
    for _ in range(4):
        with time_machine.travel(now, tick=False):
            deliver_due(account.exchange)
            queue = DeliveryQueue.objects.get()
            assert queue.paused_until is not None
            pauses.append((queue.paused_until - now).total_seconds())
        now = queue.paused_until + timedelta(minutes=20)
        forget()
    assert all(0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses))
    exchange.before = lambda _body, _key: None
    with time_machine.travel(now, tick=True):
        assert deliver_due(account.exchange).delivered == 2
    queue = DeliveryQueue.objects.get()
    assert (queue.failures, queue.failure, queue.paused_until) == (0, "", None)
    assert queue.delivered_at is not None


def test_a_rate_limit_is_honoured_after_a_restart(account: ExchangeAccount, exchange: Counting) -> None:
    exchange.before = lambda _body, _key: (429, {"error": "slower"}, {"Retry-After": "120"})
    entry = make_entry(account=account)
    run(account)
    asked = len(exchange.keys)
    exchange.before = lambda _body, _key: None
    forget()
    with later(110):
        done = run(account)
        assert done.paused_until is not None
        assert "fewer requests" in done.failure
        assert deliver_now(entry, deadline=4).state == "pending"
    assert len(exchange.keys) == asked
    with later(130):
        assert run(account).delivered == 1


def test_an_entry_that_always_fails_stops_no_other(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    exchange.before = lambda body, _key: (500, "") if body["memo"] == "poison" else None
    poison = make_entry(account=account, memo="poison")
    others = make_entries(account, 5)
    now = timezone.now()
    for minute in range(3):
        forget()
        with time_machine.travel(now + timedelta(minutes=minute * 10), tick=True):
            run(account)
    assert {state_of(entry) for entry in others} == {"delivered"}
    assert state_of(poison) == "pending"
    assert delivery_of(poison).next_attempt_at is not None


def test_where_reports_cannot_be_repeated_none_is_risked_to_find_out_that_all_is_well(
    account: ExchangeAccount, wire: Wire
) -> None:
    core = Counting(wire, proves=False, totals=False)
    core.before = lambda _body, _key: (503, "")
    make_entries(account, 3)
    run(account)
    wire.answers("GET", "/usage/summary", "", status=503)
    with later(5):
        done = run(account)
    assert done.paused_until is not None
    assert len(core.keys) == 1
    assert Delivery.objects.filter(state="uncertain").count() == 1


def test_it_goes_on_when_the_probe_is_answered(account: ExchangeAccount, core: Counting) -> None:
    core.before = lambda _body, _key: (503, "")
    make_entries(account, 3)
    run(account)
    core.before = lambda _body, _key: None
    with later(5):
        assert run(account).delivered == 2
