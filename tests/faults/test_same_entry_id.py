from __future__ import annotations

import time
import uuid
from collections import Counter
from random import Random

import pytest

from tests.faults.site import Trader

CLIENTS, ENTRIES = 8, 12


@pytest.mark.parametrize("batch", [1, 4])
def test_the_same_entries_recorded_by_many_at_once_are_there_once(
    trader: Trader, dice: Random, batch: int
) -> None:
    ids = [str(uuid.uuid4()) for _ in range(ENTRIES)]
    answers = race(trader, dice, ids, batch, [""] * CLIENTS)

    for entry_id in ids:
        assert Counter(status for status, _ in answers[entry_id]) == {"recorded": 1, "duplicate": CLIENTS - 1}
        assert len({place for _, place in answers[entry_id]}) == 1, "all of them hear of the same entry"
    audit = trader.site.document("audit")
    assert audit["problems"] == []
    assert sorted(entry["entry_id"] for entry in audit["entries"]) == sorted(ids)


def test_of_different_contents_under_one_id_one_is_recorded_and_the_others_are_told(
    trader: Trader, dice: Random
) -> None:
    ids = [str(uuid.uuid4()) for _ in range(ENTRIES)]
    answers = race(trader, dice, ids, 3, [f" of client {number}" for number in range(CLIENTS)])

    for entry_id in ids:
        assert Counter(status for status, _ in answers[entry_id]) == {"recorded": 1, "conflict": CLIENTS - 1}
        assert len({place for _, place in answers[entry_id]}) == 1, "all of them hear what is there"
    audit = trader.site.document("audit")
    assert audit["problems"] == []
    assert sorted(entry["entry_id"] for entry in audit["entries"]) == sorted(ids)


def race(
    trader: Trader, dice: Random, ids: list[str], batch: int, variants: list[str]
) -> dict[str, list[tuple[str, str]]]:
    """Let everybody record all of these at the same moment, each in an order of its own.

    For each id what everybody was answered: the status, and which entry it is.
    """
    at = time.time() + 0.5
    clients = [
        trader.site.start(
            "record",
            service_id=trader.service_id,
            batch=batch,
            entry_ids=dice.sample(ids, len(ids)),
            variant=variant,
            at=at,
        )
        for variant in variants
    ]
    codes = [client.wait() for client in clients]
    assert codes == [0] * len(clients), [client.errors() for client in clients]
    lines = [line for client in clients for line in client.lines() if len(line) == 4]
    return {
        entry_id: [(status, f"{seq} {digest}") for status, told, seq, digest in lines if told == entry_id]
        for entry_id in ids
    }
