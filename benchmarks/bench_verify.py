"""verify_ledger against the bare loop: canonical JSON and SHA-256 over the same entries in memory.

    make bench
    python benchmarks/bench_verify.py --entries 1000000

At least 0.4 of the bare loop's rate, in the same run, rounds alternating; and no more memory for many entries
than for few. With ``TEST_POSTGRES_URL`` on PostgreSQL too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

from benchmarks.databases import in_a_process, migrate, on_each, start_django, use

FEW, MANY = 20_000, 200_000
ROUNDS, IN_MEMORY = 5, 50_000
LEAST_RATE, MOST_MEGABYTES = 0.4, 24


def fill(database: str, count: int) -> None:
    start_django()
    migrate(database)
    from benchmarks import ledger_data

    ledger_data.fill(count)


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


def compare(title: str, start_url: str, few: str, many: str, entries: int) -> bool:
    for database, count in ((few, FEW), (many, entries)):
        in_a_process(__file__, start_url, "fill", database, str(count))
    rate = in_a_process(__file__, start_url, "rate", many)
    memory = [in_a_process(__file__, start_url, "memory", name)["megabytes"] for name in (few, many)]
    ratio = rate["whole"] / rate["bare"]
    slow, large = ratio < LEAST_RATE, memory[1] - memory[0] > MOST_MEGABYTES
    print(
        f"\n{title}: verify_ledger, {entries:,} entries\n"
        f"{'bare loop':<24}{rate['bare']:>10,.0f} entries/s\n"
        f"{'verify_ledger':<24}{rate['whole']:>10,.0f} entries/s\n"
        f"{'ratio':<24}{ratio:>10.2f}{'  TOO SLOW' if slow else ''}\n"
        f"{'memory':<24}{memory[1]:>10.0f} MB; with {FEW:,} entries {memory[0]:.0f} MB"
        f"{'  TOO MUCH' if large else ''}"
    )
    return not slow and not large


def main(words: list[str]) -> None:
    match words:
        case ["fill", database, count]:
            fill(database, int(count))
        case ["rate", database]:
            print(json.dumps(measure_rate(database)))
        case ["memory", database]:
            print(json.dumps(measure_memory(database)))
        case _:
            parser = argparse.ArgumentParser(description="verify_ledger against the bare loop.")
            parser.add_argument("--entries", type=int, default=MANY, help="(%(default)s)")
            entries = parser.parse_args(words).entries
            sys.exit(
                0
                if on_each(partial(compare, entries=entries))
                else "verify_ledger is slower, or needs more memory, than required."
            )


if __name__ == "__main__":
    main(sys.argv[1:])
