from __future__ import annotations

from random import Random

from tests.exchange_process import ExchangeProcess
from tests.faults.rounds import ROUNDS, Promises, check_books, check_counted_once, check_verified, kill
from tests.faults.site import Trader


@ROUNDS
def test_what_a_recorder_has_acknowledged_outlives_it(
    trader: Trader, exchange: ExchangeProcess, dice: Random, rounds: int
) -> None:
    promises, killed = Promises(), 0
    for _ in range(rounds):
        # what the last ones left open is sent again, while others write against it
        recorders = [
            trader.site.start("record", service_id=trader.service_id, batch=3, entry_ids=promises.unanswered),
            trader.site.start("record", service_id=trader.service_id, batch=1),
            trader.site.start("record", service_id=trader.service_id, batch=dice.randint(2, 5)),
        ]
        killed += kill(recorders, dice).count(-9)
        for recorder in recorders:
            promises.hear(recorder)
    assert killed >= 2 * rounds
    assert len(promises.answered) > rounds

    promises.hear(
        trader.site.run("record", service_id=trader.service_id, batch=7, entry_ids=promises.unanswered)
    )
    entries = check_books(trader, promises)
    trader.site.run("deliver_all")
    check_counted_once(exchange, trader, entries)
    check_verified(trader)
