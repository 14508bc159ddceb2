"""verify_ledger against the bare loop: canonical JSON and SHA-256 over the same entries in memory.

All checks (chain, content, sums, deliveries, reversals, triggers), without anchors. At least 0.4 of the bare
loop's rate, rounds alternating; and no more memory for many entries than for few.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator

from benchmarks.databases import Place, start_django, use
from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.sizes import Size

FEW, BATCH = 20_000, 1000
ROUNDS, IN_MEMORY = 5, 50_000
LEAST_RATE, MOST_MEGABYTES = 0.4, 24


def rows(place: Place, size: Size) -> Iterator[Row]:
    few, many = place.new(), place.new()
    for database, count in ((few, FEW), (many, size.verified)):
        place.run("benchmarks.fill", database, str(count), str(count), str(BATCH))
    rate = place.run(__name__, "rate", many)
    yield Row(
        "verify_ledger",
        "hashing the same entries in memory",
        rate["whole"] / rate["bare"],
        place.title,
        figures=(Figure("", rate["whole"], "/s"), Figure("bare", rate["bare"], "/s")),
        limits=(Limit(RATIO, least=LEAST_RATE),),
    )
    little, much = (place.run(__name__, "memory", name)["megabytes"] for name in (few, many))
    yield Row(
        f"verify_ledger, memory for {size.verified:,} entries",
        f"for {FEW:,}",
        much / little,
        place.title,
        figures=(Figure("", much, "MB"), Figure("more", much - little, "MB")),
        limits=(Limit("more", most=MOST_MEGABYTES),),
    )


def measure_rate(database: str) -> dict[str, float]:
    """Entries a second, the best of some rounds each."""
    start_django()
    use(database)
    from usage.canonical import digest, fields_of
    from usage.models import Chain, LedgerEntry
    from usage.verification import verify

    chain = Chain.objects.select_related("account__exchange").get()
    exchange = chain.account.exchange.base_url
    entries = LedgerEntry.objects.filter(account=chain.account).order_by("seq")[:IN_MEMORY]
    fields = [fields_of(entry, chain_id=chain.chain_id, exchange=exchange) for entry in entries]
    bare, whole = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for one in fields:
            digest(one)
        bare.append(len(fields) / (time.perf_counter() - began))
        began = time.perf_counter()
        result = verify(chain.account, statement=None)
        whole.append(result.entries / (time.perf_counter() - began))
        assert result.ok, result.problems
        assert result.entries == chain.seq
    return {"bare": max(bare), "whole": max(whole)}


def measure_memory(database: str) -> dict[str, float]:
    """How many megabytes more the process came to need."""
    start_django()
    use(database)
    from usage.models import Chain
    from usage.verification import verify

    chain = Chain.objects.select_related("account__exchange").get()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert verify(chain.account, statement=None).ok
    return {"megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


if __name__ == "__main__":
    print(json.dumps({"rate": measure_rate, "memory": measure_memory}[sys.argv[1]](sys.argv[2])))
