"""Summary and logs with a million entries against the same pages with ten thousand.

Each page may take 1.5 times as long. Rounds with the short and the long ledger alternate, so that noise
troubles them alike; both have the same services, keys and days.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.databases import Place, start_django, use
from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.sizes import Size

CALLS = 5
MOST_TIMES = 1.5
DEEP = "deep"
PAGES = {
    "summary, 30 days": "/usage/",
    "summary, 90 days": "/usage/?period=90d",
    "dashboard": "/",
    "logs, first page": "/usage/logs/",
    "logs, the last page of all": f"/usage/logs/?older={DEEP}",
    "logs since a day": "/usage/logs/?since={day}",
    "logs until a day": "/usage/logs/?until={day}",
    "logs by direction": "/usage/logs/?direction=supply",
    "logs by service": "/usage/logs/?service=3",
    "logs by provider": "/usage/logs/?provider=5",
    "logs by family": "/usage/logs/?family=qwen-3-235b",
    "logs by key": "/usage/logs/?key={key}",
    "logs by source": "/usage/logs/?source=page",
    "logs, rejected": "/usage/logs/?state=rejected",
    "logs, delivered": "/usage/logs/?state=delivered",
    "logs, a frequent word": "/usage/logs/?q=nightly",
    "logs, a rare word": "/usage/logs/?q=reconstruction",
    "logs, a word of no memo": "/usage/logs/?q=zebra",
    "logs by least tokens": "/usage/logs/?least=9500",
    "logs, none so large": "/usage/logs/?least=50000",
}


def rows(place: Place, size: Size) -> Iterator[Row]:
    few, many = place.ledger(size.short), place.ledger(size.entries)
    for name, found in place.run(__name__, few, many, str(size.rounds)).items():
        yield Row(
            f"{size.entries:,} entries: {name}",
            f"the same page with {size.short:,}",
            found["many"] / found["few"],
            place.title,
            figures=(Figure("", found["many"], "ms"), Figure("queries", found["queries"], "")),
            limits=(Limit(RATIO, most=MOST_TIMES),),
        )


def measure(few: str, many: str, rounds: int) -> dict[str, dict[str, float]]:
    """For each page the milliseconds with few and with many entries, the least of many, and its queries."""
    start_django()
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    visitors = {database: visitor(database) for database in (few, many)}
    figures = {}
    for name, path in PAGES.items():
        taken: dict[str, list[float]] = {few: [], many: []}
        queries = 0
        for _ in range(rounds):
            for database, (client, places) in visitors.items():
                use(database)
                address = path.format(**places).replace(DEEP, places["deep"])
                # the connection is opened, the cache is warm
                with CaptureQueriesContext(connection) as captured:
                    answer = client.get(address)
                assert answer.status_code == 200, (address, answer.status_code)
                queries = len(captured)
                for _call in range(CALLS):
                    began = time.perf_counter()
                    client.get(address)
                    taken[database].append((time.perf_counter() - began) * 1000)
        figures[name] = {"few": min(taken[few]), "many": min(taken[many]), "queries": queries}
    return figures


def visitor(database: str) -> tuple[Any, dict[str, str]]:
    """A browser of the account's owner, and what the addresses of this ledger's pages are made of."""
    from datetime import timedelta

    from django.test import Client

    from usage.canonical import moment
    from usage.models import LedgerEntry

    use(database)
    entry = LedgerEntry.objects.select_related("account__user").order_by("pk")[0]
    # the place in the order at which the last page begins
    deep = LedgerEntry.objects.filter(account=entry.account).order_by("occurred_at", "seq")[60]
    newest = LedgerEntry.objects.filter(account=entry.account).order_by("-occurred_at", "-seq")[0]
    client = Client()
    client.force_login(entry.account.user)
    places = {
        "key": str(entry.account.user.api_keys.order_by("pk")[0].pk),
        "deep": f"{moment(deep.occurred_at)}.{deep.seq}",
        "day": f"{newest.occurred_at - timedelta(days=40):%Y-%m-%d}",
    }
    return client, places


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
