from __future__ import annotations

import time

from tests.faults.site import Trader

WRITERS = 32


def test_thirty_two_writers_at_once_lose_nothing_and_are_never_turned_away(trader: Trader) -> None:
    at = time.time() + 1  # all of them are there by then
    sizes = [1, 5] * (WRITERS // 2)
    writers = [
        trader.site.start("record", service_id=trader.service_id, batch=size, batches=8, at=at)
        for size in sizes
    ]
    codes = [writer.wait() for writer in writers]
    assert codes == [0] * WRITERS, [writer.errors() for writer in writers]

    answered = [line for writer in writers for line in writer.lines() if len(line) == 4]
    audit = trader.site.document("audit")
    assert audit["problems"] == []
    assert {line[0] for line in answered} == {"recorded"}
    assert sorted(int(seq) for _, _, seq, _ in answered) == list(range(1, 8 * sum(sizes) + 1))
    assert sorted((seq, kept) for _, kept, seq, _ in answered) == sorted(
        (str(entry["seq"]), entry["entry_id"]) for entry in audit["entries"]
    )
