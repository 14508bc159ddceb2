"""Summary and logs with a million entries against the same pages with ten thousand.

    make bench
    python benchmarks/bench_ledger_pages.py --entries 10000000

Each page may take 1.5 times as long. Rounds with the short and the long ledger alternate, so that noise
troubles them alike; both have the same services, keys and days. With ``TEST_POSTGRES_URL`` on PostgreSQL too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

from benchmarks.databases import in_a_process, migrate, on_each, start_django, use

FEW, MANY = 10_000, 1_000_000
ROUNDS, CALLS = 7, 5
MOST_TIMES = 1.5
DEEP = "deep"
PAGES = {
    "summary, 30 days": "/usage/",
    "summary, 90 days": "/usage/?period=90d",
    "dashboard": "/",
    "logs, first page": "/usage/logs/",
    "logs, all but the last page deep": f"/usage/logs/?older={DEEP}",
    "since": "/usage/logs/?since={day}",
    "until": "/usage/logs/?until={day}",
    "direction": "/usage/logs/?direction=supply",
    "service": "/usage/logs/?service=3",
    "provider": "/usage/logs/?provider=5",
    "family": "/usage/logs/?family=qwen-3-235b",
    "key": "/usage/logs/?key={key}",
    "source": "/usage/logs/?source=page",
    "state": "/usage/logs/?state=rejected",
    "state, delivered": "/usage/logs/?state=delivered",
    "memo, a frequent word": "/usage/logs/?q=nightly",
    "memo, a rare word": "/usage/logs/?q=reconstruction",
    "memo, no match": "/usage/logs/?q=zebra",
    "least tokens": "/usage/logs/?least=9500",
    "least tokens, no match": "/usage/logs/?least=50000",
}


def fill(database: str, count: int) -> None:
    start_django()
    migrate(database)
    from benchmarks import ledger_data

    ledger_data.fill(count)


def measure(few: str, many: str) -> dict[str, dict[str, float]]:
    """For each page the milliseconds with few and with many entries, the least of many, and its queries."""
    start_django()
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    visitors = {database: visitor(database) for database in (few, many)}
    figures = {}
    for name, path in PAGES.items():
        taken: dict[str, list[float]] = {few: [], many: []}
        queries = 0
        for _ in range(ROUNDS):
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


def visitor(database: str) -> tuple:
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


def compare(title: str, start_url: str, few: str, many: str, entries: int) -> bool:
    for database, count in ((few, FEW), (many, entries)):
        in_a_process(__file__, start_url, "fill", database, str(count))
    return report(title, in_a_process(__file__, start_url, "measure", few, many), entries)


def report(title: str, figures: dict[str, dict[str, float]], entries: int) -> bool:
    """Print the table; whether every page is fast enough."""
    print(f"\n{title}: pages of the ledger\n{'':<34}{FEW:>9,}{entries:>14,}{'ratio':>9}{'queries':>9}")
    good = True
    for name, row in figures.items():
        ratio = row["many"] / row["few"]
        good = good and ratio <= MOST_TIMES
        print(
            f"{name:<34}{row['few']:>6.1f} ms{row['many']:>11.1f} ms{ratio:>9.2f}{row['queries']:>9.0f}"
            f"{'' if ratio <= MOST_TIMES else '  TOO SLOW'}"
        )
    return good


def main(words: list[str]) -> None:
    match words:
        case ["fill", database, count]:
            fill(database, int(count))
        case ["measure", few, many]:
            print(json.dumps(measure(few, many)))
        case _:
            parser = argparse.ArgumentParser(description="Pages of a long ledger against a short one's.")
            parser.add_argument("--entries", type=int, default=MANY, help="(%(default)s)")
            entries = parser.parse_args(words).entries
            sys.exit(
                0
                if on_each(partial(compare, entries=entries))
                else "A page of the long ledger is slower than required."
            )


if __name__ == "__main__":
    main(sys.argv[1:])
