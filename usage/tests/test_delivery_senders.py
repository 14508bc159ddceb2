"""One worker has several reports under way, where a repeat counts once; and nothing else changes by that."""

from __future__ import annotations

from collections import Counter
from threading import Lock, current_thread, main_thread
from typing import Any

import pytest
import structlog
from django.core.management import CommandError, call_command
from django.db import connection
from structlog.testing import capture_logs

from accounts.models import Exchange, ExchangeAccount
from catalog.tests.wire import Wire
from usage.delivering import senders
from usage.delivering.outcomes import Outcome
from usage.delivery import deliver_due
from usage.factories import make_entries, make_entry
from usage.models import DeliveryAttempt
from usage.tests.reporting import (
    Counting,
    Meeting,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db
AT_ONCE = 4


def test_so_many_are_under_way_together_and_each_counts_once(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    meeting, lock, under_way, most = Meeting(AT_ONCE), Lock(), [0], [0]

    def before(body: dict[str, Any], key: str) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        meeting(body, key)
        with lock:
            under_way[0] -= 1

    exchange.before = before
    entries = make_entries(account, 5 * AT_ONCE)
    done = deliver_due(account.exchange, at_once=AT_ONCE)
    assert most == [AT_ONCE]
    assert done.delivered == len(entries)
    assert meeting.met == 5
    assert Counter(exchange.keys) == Counter(entry.hash for entry in entries)
    assert {state_of(entry) for entry in entries} == {"delivered"}
    assert DeliveryAttempt.objects.filter(outcome="delivered").count() == len(entries)
    assert tallies_are_right()


def test_where_a_repeat_counts_twice_it_is_always_one(account: ExchangeAccount, wire: Wire) -> None:
    core = Counting(wire, proves=False)
    core.before = meeting = Meeting(2, patience=0.05)
    entries = make_entries(account, 3)
    assert deliver_due(account.exchange, at_once=AT_ONCE).delivered == 3
    assert meeting.met == 0
    assert core.keys == [entry.hash for entry in entries]


def test_the_first_report_proves_it_alone(account: ExchangeAccount, exchange: Counting) -> None:
    proved: list[bool] = []
    exchange.before = lambda _body, _key: proved.append(account.exchange.idempotency_proved_at is not None)
    make_entries(account, 6)
    assert deliver_due(account.exchange, at_once=AT_ONCE).delivered == 6
    assert proved == [False] + [True] * 5


def test_a_thread_that_sends_asks_no_database(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(account)
    entries = make_entries(account, 8)
    asked: list[tuple[bool, bool]] = []
    report = senders.report

    def watched(*args: Any) -> Outcome:
        outcome = report(*args)
        asked.append((current_thread() is main_thread(), connection.connection is not None))
        return outcome

    monkeypatch.setattr(senders, "report", watched)
    exchange.before = lambda _body, key: RuntimeError("broken") if key == entries[7].hash else None
    assert deliver_due(account.exchange, at_once=AT_ONCE).delivered == 7
    exchange.before = lambda _body, _key: (503, "")
    make_entry(account=account)
    deliver_due(account.exchange, at_once=AT_ONCE)
    assert len(asked) >= 8
    assert set(asked) == {(False, False)}
    # what it learned of the Exchange is written down all the same
    assert Exchange.objects.get(pk=account.exchange_id).reached_at is not None


def test_one_that_is_refused_holds_up_nobody(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    entries = make_entries(account, 12)
    bad = {entries[2].hash, entries[7].hash}
    exchange.before = lambda _body, key: (422, {"error": "No."}) if key in bad else None
    done = deliver_due(account.exchange, at_once=AT_ONCE)
    assert (done.delivered, done.rejected) == (10, 2)
    assert {entry.hash for entry in entries if state_of(entry) == "rejected"} == bad
    assert tallies_are_right()


def test_told_to_stop_it_begins_no_other_and_writes_down_what_was_under_way(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    entries = make_entries(account, 20)

    class Stop:
        asked = False

    stop, meeting = Stop(), Meeting(AT_ONCE)

    def before(body: dict[str, Any], key: str) -> None:
        meeting(body, key)
        stop.asked = True

    exchange.before = before
    done = deliver_due(account.exchange, stop=stop, at_once=AT_ONCE)
    assert done.delivered == AT_ONCE
    states = Counter(state_of(entry) for entry in entries)
    assert states == {"delivered": AT_ONCE, "pending": 20 - AT_ONCE}
    assert DeliveryAttempt.objects.count() == AT_ONCE
    assert tallies_are_right()


def test_each_report_has_a_request_id_of_its_own(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    make_entries(account, 8)
    structlog.contextvars.clear_contextvars()  # a worker serves no request
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        deliver_due(account.exchange, at_once=AT_ONCE)
    ids = [line["request_id"] for line in lines if line["event"] == "entry_reported"]
    assert len(set(ids)) == len(ids) == 8


def test_what_fails_in_a_thread_is_in_doubt_and_the_others_go_on(
    account: ExchangeAccount, exchange: Counting
) -> None:
    prove(account)
    entries = make_entries(account, 4)
    exchange.before = lambda _body, key: RuntimeError("broken") if key == entries[1].hash else None
    done = deliver_due(account.exchange, at_once=AT_ONCE)
    assert done.delivered == 3
    assert state_of(entries[1]) == "pending"
    assert tallies_are_right()


def test_the_command_says_how_many(account: ExchangeAccount, exchange: Counting) -> None:
    prove(account)
    make_entry(account=account)
    for wrong in ("0", "17", "-1", "two", "²", "1" * 5000):
        with pytest.raises(CommandError, match="from 1 to 16"):
            call_command("sync_usage", f"--at-once={wrong}")
    call_command("sync_usage", "--at-once=3")
    assert len(exchange.keys) == 1
