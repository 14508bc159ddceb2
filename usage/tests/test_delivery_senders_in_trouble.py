"""Several reports under way, and the Exchange in trouble, or we."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from structlog.testing import capture_logs

from accounts import exchanges
from accounts.models import Exchange, ExchangeAccount
from usage import delivery
from usage.delivering import taking
from usage.delivery import deliver_due
from usage.factories import make_entries
from usage.models import Delivery, DeliveryAttempt, DeliveryQueue, LedgerEntry
from usage.tests.reporting import (
    Counting,
    Meeting,
    attempts_of,
    delivery_of,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db
AT_ONCE = 4


def test_an_exchange_in_trouble_is_asked_no_further_and_left_in_peace(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    exchange.before = lambda _body, _key: (503, "")
    entries = make_entries(account, 40)
    done = deliver_due(account.exchange, at_once=AT_ONCE)
    assert done.paused_until is not None
    assert not done.more
    assert 1 <= len(set(exchange.keys)) <= AT_ONCE
    assert {state_of(entry) for entry in entries} == {"pending"}
    # what was taken with them and not sent is as it was
    assert 1 <= sum(delivery_of(entry).attempts for entry in entries) <= AT_ONCE
    assert DeliveryQueue.objects.get().failures == 1
    assert tallies_are_right()


def test_after_trouble_nobody_goes_on_for_one_that_another_has_taken(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(account)
    entries = make_entries(account, 6)
    DeliveryQueue.objects.update_or_create(exchange=account.exchange, defaults={"failures": 3})
    alone = delivery.claim

    def late(asked: Exchange, keys: Sequence[int]) -> Any:
        if entries[0].pk in keys:
            alone(asked, [entries[0].pk])  # another worker was faster, and has heard nothing yet
        return alone(asked, keys)

    monkeypatch.setattr(delivery, "claim", late)
    exchange.before = lambda _body, _key: (503, "")
    deliver_due(account.exchange, at_once=AT_ONCE)
    assert set(exchange.keys) == {entries[1].hash}


def test_after_trouble_one_report_asks_how_it_is(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    entries = make_entries(account, 20)
    DeliveryQueue.objects.update_or_create(
        exchange=account.exchange, defaults={"failures": 3, "paused_until": timezone.now()}
    )
    exchange.before = lambda _body, _key: (503, "")
    deliver_due(account.exchange, at_once=AT_ONCE)
    assert set(exchange.keys) == {entries[0].hash}

    exchanges._client_for.cache_clear()
    DeliveryQueue.objects.update(paused_until=timezone.now())
    together = Meeting(2, patience=0.2)
    exchange.before = lambda body, key: together(body, key) if len(set(exchange.keys)) == 2 else None
    assert deliver_due(account.exchange, at_once=AT_ONCE).delivered == 19
    assert together.met == 0, "the first was not alone"
    assert DeliveryQueue.objects.get().failures == 0


def answering(entries: Sequence[LedgerEntry], said: dict[int, Any], *, last: float = 0.0) -> Any:
    """What each of these entries, which are under way together, is answered; the rest a little later."""
    meeting, places = Meeting(len(entries)), {entry.hash: place for place, entry in enumerate(entries)}
    met: set[str] = set()

    def before(body: dict[str, Any], key: str) -> Any:
        if key not in met:  # a repeat meets nobody
            met.add(key)
            meeting(body, key)
        if places[key] not in said:
            time.sleep(last)
        return said.get(places[key])

    return before


@pytest.fixture(params=[0.0, 30.0], ids=["written one by one", "written together"])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long outcomes are kept before they are written down, in seconds."""
    monkeypatch.setattr(taking, "WRITTEN_EVERY", request.param)


@pytest.mark.usefixtures("window")
def test_who_asks_for_time_gets_it_whatever_is_heard_after(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    entries = make_entries(account, AT_ONCE)
    limited = [(429, {"error": "slower"}, {"Retry-After": seconds}) for seconds in ("120", "2")]
    exchange.before = answering(entries, dict(enumerate(limited)), last=0.3)
    began = timezone.now()
    done = deliver_due(account.exchange, at_once=AT_ONCE)
    assert done.delivered == AT_ONCE - 2
    assert done.paused_until is not None
    assert (done.paused_until - began).total_seconds() >= 120
    assert [state_of(entry) for entry in entries[:2]] == ["pending"] * 2
    assert len(exchange.keys) == AT_ONCE, "one has waited by itself, and the others did not know"


@pytest.mark.usefixtures("window")
def test_trouble_of_one_among_many_is_not_forgotten(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    entries = make_entries(account, AT_ONCE)
    exchange.before = answering(entries, {1: (503, ""), 2: (503, "")}, last=0.3)
    done = deliver_due(account.exchange, at_once=AT_ONCE)
    assert done.delivered == AT_ONCE - 2
    assert done.paused_until is not None
    queue = DeliveryQueue.objects.get()
    assert queue.failures == 1, "what they have met together is one failure"
    assert queue.delivered_at is not None


@pytest.mark.parametrize("broken", ["beat", "note_answer", "mark"])
def test_what_was_under_way_is_written_down_though_something_breaks(
    broken: str, account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "WRITTEN_EVERY", 0.0)
    where = taking if broken == "mark" else taking.pause
    works, failed = getattr(where, broken), []

    def once(*args: Any) -> Any:
        if not failed:
            failed.append(args)
            raise OperationalError("away")
        return works(*args)

    monkeypatch.setattr(where, broken, once)
    prove(account)
    entries = make_entries(account, 20)
    exchange.before = answering(entries[:AT_ONCE], {})
    with pytest.raises(OperationalError):
        deliver_due(account.exchange, at_once=AT_ONCE)
    assert failed
    assert len(exchange.keys) == AT_ONCE
    states = Counter(state_of(entry) for entry in entries)
    assert states == {"delivered": AT_ONCE, "pending": 20 - AT_ONCE}
    assert {attempts_of(entry)[0][1] for entry in entries[:AT_ONCE]} == {"delivered"}
    assert DeliveryAttempt.objects.count() == AT_ONCE
    assert tallies_are_right()


def test_each_is_counted_once_though_news_cannot_be_written(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("away")

    prove(account)
    make_entries(account, 3)
    exchanges._news.append(away)
    with capture_logs() as lines:
        assert deliver_due(account.exchange, at_once=AT_ONCE).delivered == 3
    assert [line["event"] for line in lines].count("news_not_written") == 1
    assert Exchange.objects.get(pk=account.exchange_id).reached_at is not None


def test_what_is_given_back_waits_as_long_as_before(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    entries = make_entries(account, 6)
    failed_before = timezone.now() - timedelta(minutes=3)
    Delivery.objects.filter(pk=entries[5].pk).update(next_attempt_at=failed_before)
    exchange.before = lambda _body, _key: (503, "")
    deliver_due(account.exchange, at_once=2)
    assert delivery_of(entries[5]).next_attempt_at == failed_before
    assert delivery_of(entries[4]).next_attempt_at is None
    assert attempts_of(entries[5]) == []
