"""``python -m tests.soak.books FILE``: what was promised, against the ledger and the Exchange's statement.

A process of its own with the site's environment; prints one JSON document. Each promise stands in the ledger
once, with its number and hash, and nothing else does; each entry has been counted by the Exchange once, under
its hash.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

SHOWN = 20


def compare(promised: Path) -> dict[str, Any]:
    """What is missing, different, twice or nobody's; lists hold the first twenty, counts are of all."""
    from accounts.commands import acting_user
    from accounts.registration import account_of
    from usage.models import LedgerEntry

    account = account_of(acting_user())
    promises: dict[str, tuple[int, str]] = {}
    contradicted = []
    for line in promised.read_text().splitlines():
        entry_id, seq, digest = line.split()
        if promises.setdefault(entry_id, (int(seq), digest)) != (int(seq), digest):
            contradicted.append(entry_id)
    different, unpromised, hashes = [], [], {}
    states: Counter[str] = Counter()
    rows = LedgerEntry.objects.filter(account=account).values_list(
        "entry_id", "seq", "hash", "delivery__state"
    )
    count = 0
    for found, seq, digest, state in rows.iterator(chunk_size=2000):
        count += 1
        entry_id = str(found)
        states[state] += 1
        hashes[digest] = 0
        promise = promises.pop(entry_id, None)
        if promise is None:
            unpromised.append(entry_id)
        elif promise != (seq, digest):
            different.append(entry_id)
    strange = _count_theirs(account, hashes)
    lists = {
        "missing": sorted(promises),
        "contradicted": contradicted,
        "different": different,
        "unpromised": unpromised,
        "not_counted": [digest for digest, times in hashes.items() if times == 0],
        "counted_twice": [digest for digest, times in hashes.items() if times > 1],
        "strange_lines": strange,
    }
    return {
        "entries": count,
        "states": dict(states),
        "counts": {name: len(found) for name, found in lists.items()},
        "examples": {name: found[:SHOWN] for name, found in lists.items() if found},
    }


def _count_theirs(account: Any, hashes: dict[str, int]) -> list[str]:
    """Count each hash in the statement; the lines under none of them."""
    from exchange import ExchangeClient

    strange = []
    with ExchangeClient(account.exchange.base_url) as client:
        for line in client.iter_statement(account.exchange_user_id, limit=1000):
            key = line.idempotency_key or ""
            if key in hashes:
                hashes[key] += 1
            else:
                strange.append(f"{line.id}: {key}")
    return strange


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.settings"
    import django

    django.setup()
    print(json.dumps(compare(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
