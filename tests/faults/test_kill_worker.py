from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from tests.exchange_process import ExchangeProcess
from tests.faults.market import times_counted
from tests.faults.rounds import (
    ROUNDS,
    Promises,
    check_books,
    check_counted_once,
    check_verified,
    kill,
    record,
)
from tests.faults.site import PATIENCE, Trader

WORKERS = 2
LATENCY = 20  # milliseconds, so that a good share of the kills falls into a report


@ROUNDS
def test_an_exchange_that_honours_the_key_counts_each_entry_once_whenever_workers_die(
    trader: Trader, exchange: ExchangeProcess, dice: Random, rounds: int
) -> None:
    promises = Promises()
    # the first receipt proves it: from here on a report may be repeated
    promises.hear(trader.site.run("record", service_id=trader.service_id, batches=1))
    trader.site.run("deliver_all")
    exchange.control(latency_ms=LATENCY)
    kill_everybody(trader, dice, rounds, promises)

    exchange.control(latency_ms=0)
    assert trader.site.document("deliver_all")["pending"] == 0
    entries = check_books(trader, promises)
    assert Counter(entry["state"] for entry in entries) == {"delivered": len(entries)}
    check_counted_once(exchange, trader, entries)
    check_verified(trader)


@ROUNDS
def test_an_exchange_that_does_not_is_never_sent_one_twice_and_what_is_open_is_listed(
    core_trader: Trader, core: ExchangeProcess, dice: Random, rounds: int
) -> None:
    trader, promises = core_trader, Promises()
    core.control(latency_ms=LATENCY)
    kill_everybody(trader, dice, rounds, promises)

    core.control(latency_ms=0)
    assert trader.site.document("deliver_all")["pending"] == 0
    entries = check_books(trader, promises)
    assert {entry["state"] for entry in entries} <= {"delivered", "uncertain"}
    assert all(len(entry["attempts"]) == 1 for entry in entries), "one was sent again"
    counted = times_counted(core, trader.user_id)
    assert all(counted[entry["memo"]] == 1 for entry in entries if entry["state"] == "delivered")
    assert set(counted.values()) == {1}

    core.control(core_only=True)
    settle_by_hand(trader, counted)
    check_counted_once(core, trader, check_books(trader, promises))
    check_verified(trader)


@pytest.mark.parametrize("which", ["trader", "core_trader"])
def test_a_worker_killed_while_its_report_is_under_way_never_has_it_counted_twice(
    which: str, exchange: ExchangeProcess, request: pytest.FixtureRequest
) -> None:
    trader: Trader = request.getfixturevalue(which)
    honours_the_key = which == "trader"
    promises = record(trader, 1)
    trader.site.run("deliver_all")
    promises.answered |= record(trader, 1).answered
    exchange.control(latency_ms=1000)
    worker, give_up = trader.site.start("work"), time.monotonic() + PATIENCE
    while not trader.site.document("queue")["sending"]:
        assert time.monotonic() < give_up
    worker.kill()
    assert worker.wait() == -9, worker.errors()

    left = trader.site.document("deliver_all")
    state = "delivered" if honours_the_key else "uncertain"
    entries = check_books(trader, promises)
    assert [entry["state"] for entry in entries] == ["delivered", state], left
    assert [len(entry["attempts"]) for entry in entries] == [1, 2 if honours_the_key else 1]
    counted = times_counted(exchange, trader.user_id)
    assert set(counted.values()) == {1}
    assert len(counted) == 2 or not honours_the_key, "it was lost"


def kill_everybody(trader: Trader, dice: Random, rounds: int, promises: Promises) -> None:
    """In each round recorders and workers begin, and are killed within tenths of a second."""
    for number in range(rounds):
        recorders = [
            trader.site.start("record", service_id=trader.service_id, batch=dice.randint(1, 3), pause=0.02),
            trader.site.start("record_and_report", service_id=trader.service_id),
        ]
        workers = [trader.site.start("work") for _ in range(WORKERS)]
        codes = kill([*recorders, *workers], dice, longest=0.2)
        assert set(codes) == {-9}
        for recorder in recorders:
            promises.hear(recorder)
        if number % 20 == 0:
            kill_a_command(trader, dice)
        trader.site.run("skip_waiting")
    promises.hear(trader.site.run("record", service_id=trader.service_id, entry_ids=promises.unanswered))


def kill_a_command(trader: Trader, dice: Random) -> None:
    """The same with ``manage.py`` itself, which takes a second to begin."""
    worker = trader.site.manage("sync_usage", "--watch")
    time.sleep(dice.uniform(1, 3))
    worker.kill()
    assert worker.wait() == -9


def settle_by_hand(trader: Trader, counted: Counter[str]) -> None:
    """A person who knows settles what is uncertain; what was not counted is delivered after that."""
    trader.site.run("settle", counted=list(counted))
    left = trader.site.document("deliver_all")
    assert {state for state, number in left.items() if number} == {"delivered"}
