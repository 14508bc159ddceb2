from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.exchange_process import ExchangeProcess
from tests.faults.market import reports_received, times_counted, wait_for_its_log
from tests.faults.rounds import check_books, check_counted_once, record
from tests.faults.site import Trader

ENTRIES = 20
SHARE = 0.3
MISBEHAVIOUR: dict[str, dict[str, Any]] = {
    "errors": {"error_share": SHARE},
    "rate limits": {"rate_limit_share": SHARE, "retry_after_s": 0},
    "connections dropped before": {"drop_before_share": SHARE},
    "connections dropped after": {"drop_after_share": SHARE},
    "malformed answers": {"malformed_share": SHARE},
    "all of it": {
        **{f"{kind}_share": SHARE / 5 for kind in ("error", "drop_before", "drop_after", "malformed")},
        "rate_limit_share": SHARE / 5,
        "retry_after_s": 0,
        "latency_ms": 5,
    },
}
each_misbehaviour = pytest.mark.parametrize("misbehaviour", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR.keys())


@each_misbehaviour
def test_with_idempotency_everything_arrives_and_is_counted_once(
    trader: Trader, exchange: ExchangeProcess, misbehaviour: dict[str, Any]
) -> None:
    proof = record(trader, 1)
    trader.site.run("deliver_all")
    promises = record(trader, ENTRIES)
    promises.answered |= proof.answered

    exchange.control(**misbehaviour)
    left = trader.site.document("deliver_all")
    assert {state for state, number in left.items() if number} == {"delivered"}
    check_counted_once(exchange, trader, check_books(trader, promises))


@each_misbehaviour
def test_without_it_nothing_is_sent_twice_and_what_is_open_is_settled(
    core_trader: Trader, core: ExchangeProcess, misbehaviour: dict[str, Any]
) -> None:
    trader = core_trader
    promises = record(trader, ENTRIES)
    wait_for_its_log(core)
    received = reports_received(core).total()

    core.control(**misbehaviour)
    left = trader.site.document("deliver_all")
    entries = check_books(trader, promises)
    wait_for_its_log(core)
    received = reports_received(core).total() - received
    counted = times_counted(core, trader.user_id)

    assert received == ENTRIES, "one was sent again although it may have been counted"
    for entry in entries:
        assert len([one for one in entry["attempts"] if one["status"] != 429]) == 1
        assert counted[entry["memo"]] in ({1} if entry["state"] == "delivered" else {0, 1})
    assert set(counted.values()) == {1}
    assert {state for state, number in left.items() if number} <= {"delivered", "uncertain"}
    assert left["uncertain"] == sum(entry["state"] == "uncertain" for entry in entries)

    core.control(core_only=True)
    trader.site.run("settle", counted=list(counted))
    assert trader.site.document("deliver_all")["delivered"] == ENTRIES
    check_counted_once(core, trader, check_books(trader, promises))


def test_the_queue_tells_what_is_uncertain(core_trader: Trader, core: ExchangeProcess) -> None:
    promises = record(core_trader, 5)
    core.control(next=[{"kind": "drop_after", "path": "/usage", "count": 2}])
    left = core_trader.site.document("deliver_all")
    assert Counter({state: number for state, number in left.items() if number}) == {
        "delivered": 3,
        "uncertain": 2,
    }
    status = core_trader.site.document("queue")
    assert (status["pending"], status["uncertain"]) == (0, 2)
    check_counted_once(core, core_trader, check_books(core_trader, promises))
