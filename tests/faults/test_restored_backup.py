from __future__ import annotations

import pytest

from tests.exchange_process import ExchangeProcess
from tests.faults.market import times_counted
from tests.faults.rounds import check_books, check_counted_once, record
from tests.faults.site import Trader


def test_an_exchange_that_honours_the_key_counts_nothing_twice_after_a_restore(
    trader: Trader, exchange: ExchangeProcess
) -> None:
    promises = record(trader, 1)
    trader.site.run("deliver_all")
    promises.answered |= record(trader, 20).answered
    backup = trader.site.database.copied()
    trader.site.run("deliver_all")

    trader.site.database.restore(backup)
    assert {entry["state"] for entry in check_books(trader, promises)} == {"delivered", "pending"}
    assert trader.site.document("deliver_all")["delivered"] == 21
    check_counted_once(exchange, trader, check_books(trader, promises))


@pytest.mark.parametrize("recorded_since", [0, 5])
@pytest.mark.parametrize("said", [True, False], ids=["said by the operator", "noticed by the worker"])
def test_an_exchange_that_does_not_is_sent_nothing_twice_after_a_restore(
    core_trader: Trader, core: ExchangeProcess, recorded_since: int, said: bool
) -> None:
    trader = core_trader
    promises = record(trader, 1)
    trader.site.run("deliver_all")
    promises.answered |= record(trader, 20).answered
    backup = trader.site.database.copied()
    lost = record(trader, recorded_since) if recorded_since else None
    trader.site.run("deliver_all")

    trader.site.database.restore(backup)
    if said:
        trader.site.run("after_restore")
    left = trader.site.document("deliver_all")
    assert {state: number for state, number in left.items() if number} == {"delivered": 1, "uncertain": 20}
    entries = check_books(trader, promises)
    counted = times_counted(core, trader.user_id)
    assert set(counted.values()) == {1}
    assert counted.keys() == promises.answered.keys() | (lost.answered.keys() if lost else set())

    core.control(core_only=True)
    trader.site.run("settle", counted=[entry["entry_id"] for entry in entries])
    promises.answered |= record(trader, 3).answered
    assert trader.site.document("deliver_all")["delivered"] == 24
    assert set(times_counted(core, trader.user_id).values()) == {1}
    check_books(trader, promises)
