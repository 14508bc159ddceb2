from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import REFUSED, Wire
from catalog.watching import Stop
from usage.delivering.chores import Chores
from usage.delivering.worker import Worker
from usage.factories import make_entries, make_entry
from usage.management.commands import sync_usage
from usage.models import DeliveryHold, DeliveryQueue
from usage.tests.reporting import Counting, prove, state_of

pytestmark = pytest.mark.django_db
AWAY = ConnectionRefusedError()


def failure_of(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("sync_usage", *words, stdout=StringIO())
    assert caught.value.returncode == 1
    return str(caught.value)


def test_it_delivers_everything_that_is_due(account: ExchangeAccount, exchange: Counting) -> None:
    make_entries(account, 250)
    assert text_of("sync_usage") == "250 delivered. Nothing waits.\n"
    assert len(exchange.counted) == 250


def test_it_says_that_nothing_was_due(account: ExchangeAccount) -> None:
    assert text_of("sync_usage", "--once") == "Nothing was due. Nothing waits.\n"


def test_it_prints_one_document(account: ExchangeAccount, exchange: Counting) -> None:
    make_entries(account, 2)
    assert document_of("sync_usage") == {
        "delivered": 2,
        "rejected": 0,
        "uncertain": 0,
        "deferred": 0,
        "pending": 0,
        "total_uncertain": 0,
        "total_rejected": 0,
        "paused_until": None,
        "error": "",
    }


def test_a_refusal_is_told_with_its_rules(account: ExchangeAccount, exchange: Counting) -> None:
    exchange.before = lambda _body, _key: (400, REFUSED)
    make_entries(account, 2)
    told = failure_of()
    assert "PRICE_CEILING" in told
    assert told.endswith("And 1 more.")


def test_an_exchange_that_is_away_is_told_in_a_sentence(account: ExchangeAccount, wire: Wire) -> None:
    wire.answers("POST", "/usage", AWAY)
    make_entries(account, 3)
    out = StringIO()
    with pytest.raises(CommandError, match=r"cannot be reached.*3 entries wait") as caught:
        call_command("sync_usage", "--json", stdout=out)
    assert caught.value.returncode == 1
    document = json.loads(out.getvalue())
    assert (document["pending"], document["deferred"]) == (3, 1)
    assert document["paused_until"] is not None
    # and it is left in peace, which is told as well
    asked = len(wire.calls)
    assert "left in peace until" in failure_of()
    assert len(wire.calls) == asked


def test_what_is_uncertain_is_told(account: ExchangeAccount, wire: Wire) -> None:
    core = Counting(wire, proves=False)
    core.before = lambda _body, _key: TimeoutError()
    make_entry(account=account)
    assert "uncertain" in failure_of()


def test_an_account_that_is_refused_is_told(exchange: Counting) -> None:
    account = make_account(registered=False)
    make_entry(account=account)
    DeliveryHold.objects.create(
        account=account, until=timezone.now() + timedelta(minutes=1), error="We do not take you."
    )
    assert failure_of() == "We do not take you."


def test_after_a_restore_what_waits_is_uncertain(account: ExchangeAccount) -> None:
    entries = make_entries(account, 3)
    told = text_of("sync_usage", "--after-restore")
    assert told == "3 entries that waited are uncertain now: settle them first.\n"
    assert {state_of(entry) for entry in entries} == {"uncertain"}
    assert document_of("sync_usage", "--after-restore") == {"uncertain": 0}
    assert text_of("sync_usage", "--after-restore") == "Nothing that waited became uncertain.\n"


def test_after_a_restore_is_no_way_to_watch() -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("sync_usage", "--watch", "--after-restore")


class Day:
    """Lets a watch run without waiting: its pauses, and what happens in them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pauses: int) -> None:
        self.waits: list[float] = []
        self.after: Callable[[], object] = lambda: None

        def wait(stop: Stop, seconds: float) -> None:
            self.waits.append(seconds)
            self.after()
            if len(self.waits) == pauses:
                stop.asked = True

        monkeypatch.setattr("catalog.watching.Stop.wait", wait)
        monkeypatch.setattr(Chores, "start_if_due", lambda _self, _exchange: None)
        # the test's transaction lives in the connection
        monkeypatch.setattr(sync_usage, "close_old_connections", lambda: None)

    def watch(self, *words: str) -> str:
        return text_of("sync_usage", "--watch", *words)


def test_it_delivers_what_comes_and_looks_every_second(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(monkeypatch, pauses=4)
    day.after = lambda: make_entries(account, 2) if len(day.waits) == 2 else None
    assert day.watch() == "2 delivered. Nothing waits.\n"
    assert day.waits == [1, 1, 1, 1]


def test_a_program_gets_a_document_for_each_round_with_news(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entries(account, 120)
    lines = Day(monkeypatch, pauses=2).watch("--json").splitlines()
    assert [json.loads(line)["delivered"] for line in lines] == [100, 20]


def test_it_does_not_pause_while_there_is_more(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entries(account, 250)
    day = Day(monkeypatch, pauses=1)
    day.watch()
    assert len(exchange.counted) == 250


def test_it_goes_on_while_the_exchange_is_away(
    account: ExchangeAccount, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.answers("POST", "/usage", AWAY)
    make_entry(account=account)
    day = Day(monkeypatch, pauses=3)
    assert "1 put off. 1 still wait, until" in day.watch()
    # looking costs next to nothing: the Exchange itself is left in peace
    assert day.waits == [1, 1, 1]
    assert len(wire.calls) <= 3


@pytest.mark.parametrize("error", [OperationalError("database is locked"), RuntimeError("a fault of ours")])
def test_it_goes_on_after_any_error_and_logs_it(
    error: Exception,
    account: ExchangeAccount,
    exchange: Counting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_entry(account=account)
    real, failures = Worker.round, [error, error]

    def fail_twice(worker: Worker, stop: Stop) -> object:
        if failures:
            raise failures.pop()
        return real(worker, stop)

    monkeypatch.setattr(Worker, "round", fail_twice)
    day = Day(monkeypatch, pauses=3)
    assert day.watch() == "1 delivered. Nothing waits.\n"
    assert day.waits == [5, 10, 1]
    assert "delivery_round_failed" in caplog.text


def test_it_starts_before_the_database_is_there(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entry(account=account)
    real, failures = sync_usage.Worker, [OperationalError("no such table")]

    def fail_once(**options: Chores) -> Worker:
        if failures:
            raise failures.pop()
        return real(**options)

    monkeypatch.setattr(sync_usage, "Worker", fail_once)
    assert Day(monkeypatch, pauses=2).watch() == "1 delivered. Nothing waits.\n"


def test_it_says_that_it_is_alive(account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    Day(monkeypatch, pauses=1).watch()
    seen = DeliveryQueue.objects.get().worker_seen_at
    assert seen is not None
    assert timezone.now() - seen < timedelta(minutes=1)


def test_a_round_with_nothing_to_do_costs_next_to_nothing(
    account: ExchangeAccount, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    prove(account)
    worker = Worker()
    worker.round()
    # 1. that it is alive: nothing to write yet; 2. the queue's row; 3. whether anything waits
    with django_assert_max_num_queries(3):  # type: ignore[attr-defined]
        worker.round()
