"""The catalogue with 50,000 services: its pages against the same pages with 60, and what a refresh takes.

    make bench

Each page may take 3 times as long and no more than 12 queries; a refresh that changes nothing, 5 seconds.
Rounds with the small and the large catalogue alternate, so that noise troubles them alike. With
``TEST_POSTGRES_URL`` the same on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

from benchmarks.catalogue_exchange import listing_exchange
from benchmarks.databases import in_a_process, migrate, on_each, start_django, use

FEW, MANY = 60, 50_000
ROUNDS, CALLS = 9, 5
MOST_QUERIES, MOST_TIMES, MOST_SECONDS = 12, 3.0, 5.0
# the page with MANY services, and the same one with FEW
PAGES = {
    "services, first page": ("/catalog/services/", "/catalog/services/"),
    "services, by text": ("/catalog/services/?q=mini", "/catalog/services/?q=mini"),
    "services, by family": ("/catalog/services/?family=gpt-4o", "/catalog/services/?family=gpt-4o"),
    "services, page 500": ("/catalog/services/?page=500", "/catalog/services/?page=2"),
    "services, by name": ("/catalog/services/?sort=name", "/catalog/services/?sort=name"),
    "services, rare text": (
        "/catalog/services/?q=%E4%B8%8A%E6%B5%B7",
        "/catalog/services/?q=%E4%B8%8A%E6%B5%B7",
    ),
    "services, no match": ("/catalog/services/?q=zzz", "/catalog/services/?q=zzz"),
    "services, by price": ("/catalog/services/?max_price=0.001", "/catalog/services/?max_price=0.001"),
    "services, with trial": ("/catalog/services/?trial=1", "/catalog/services/?trial=1"),
    "one service": ("/catalog/services/7/", "/catalog/services/7/"),
    "providers": ("/catalog/providers/", "/catalog/providers/"),
    "one provider": ("/catalog/providers/1/", "/catalog/providers/1/"),
    "compare a family": ("/catalog/compare/?family=gpt-4o", "/catalog/compare/?family=gpt-4o"),
    "choose to compare": ("/catalog/compare/", "/catalog/compare/"),
}
REQUIRED = list(PAGES)[:4]


# what the Exchange does meanwhile, and how often that is measured
REFRESHES = {
    "first fetch": ("plain", 1),
    "nothing changed": ("plain", 3),
    "nothing changed, tags kept": ("tags", 1),
    "nothing changed, by tag": ("tags", 5),
    "every price changed": ("dear", 1),
    "every price as before": ("plain", 1),
}
UNCHANGED = ("nothing changed", "nothing changed, by tag")


def measure_refresh(database: str, base_url: str, times: int) -> dict[str, float]:
    """The median of so many refreshes in seconds, and how many megabytes more the process came to need."""
    start_django(base_url)
    use(database)
    from catalog.mirror import refresh
    from catalog.models import Service

    Service.objects.first()  # what Django needs for itself at the first query is no part of it
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        refresh(deadline=60)
        taken.append(time.perf_counter() - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": statistics.median(taken), "megabytes": (after - before) / 1024, "peak": after / 1024}


def measure_pages(few: str, many: str) -> dict[str, dict[str, float]]:
    """For each page the milliseconds with few and with many services, and the queries with many.

    The least of many measurements: what is more than that is the machine's other work.
    """
    # the mirror's Exchange is whichever was fetched; pages ask nobody
    start_django()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.factories import make_account

    clients = {}
    for database in (few, many):
        use(database)
        at_the_mirrors_exchange()
        clients[database] = Client()
        clients[database].force_login(make_account().user)
    figures = {}
    for name, (path_many, path_few) in PAGES.items():
        taken: dict[str, list[float]] = {few: [], many: []}
        for _ in range(ROUNDS):
            for database, path in ((few, path_few), (many, path_many)):
                use(database)
                at_the_mirrors_exchange()
                client = clients[database]
                assert client.get(path).status_code == 200, (
                    path
                )  # the connection is opened, the cache is warm
                for _call in range(CALLS):
                    began = time.perf_counter()
                    client.get(path)
                    taken[database].append((time.perf_counter() - began) * 1000)
        with CaptureQueriesContext(connection) as captured:
            clients[many].get(path_many)
        figures[name] = {
            "few": min(taken[few]),
            "many": min(taken[many]),
            "queries": len(captured),
        }
    return figures


def at_the_mirrors_exchange() -> None:
    """Configure the Exchange that this database's catalogue came from, and let it be fresh."""
    import dataclasses

    from django.conf import settings
    from django.utils import timezone

    from catalog.models import Mirror

    mirror = Mirror.objects.select_related("exchange").get()
    Mirror.objects.update(refreshed_at=timezone.now())
    settings.TOKLIGENCE = dataclasses.replace(settings.TOKLIGENCE, base_url=mirror.exchange.base_url)


def compare(title: str, start_url: str, few: str, many: str) -> bool:
    """Print the tables for one kind of database; whether everything required holds."""
    good = True
    for database, count in ((few, FEW), (many, MANY)):
        in_a_process(__file__, start_url, "migrate", database)
        with listing_exchange(count) as base_url:
            if count == MANY:
                print(
                    f"\n{title}: refresh, {MANY:,} services\n{'':<30}{'seconds':>9}{'memory':>12}{'peak':>12}"
                )
            for name, (mode, times) in REFRESHES.items() if count == MANY else [("", ("plain", 1))]:
                urllib.request.urlopen(f"{base_url}/_mode/{mode}", data=b"").close()  # noqa: S310 - our own
                figures = in_a_process(__file__, start_url, "refresh", database, base_url, str(times))
                late = name in UNCHANGED and figures["seconds"] > MOST_SECONDS
                good = good and not late
                if name:
                    print(
                        f"{name:<30}{figures['seconds']:>9.2f}{figures['megabytes']:>9.0f} MB"
                        f"{figures['peak']:>9.0f} MB{'  TOO LATE' if late else ''}"
                    )
    print(f"\n{title}: pages\n{'':<30}{FEW:>9,}{MANY:>12,}{'ratio':>9}{'queries':>9}")
    for name, row in in_a_process(__file__, start_url, "pages", few, many).items():
        ratio = row["many"] / row["few"]
        bad = (ratio > MOST_TIMES or row["queries"] > MOST_QUERIES) and name in REQUIRED
        good = good and not bad
        print(
            f"{name:<30}{row['few']:>6.1f} ms{row['many']:>9.1f} ms{ratio:>9.2f}{row['queries']:>9.0f}"
            f"{'  TOO MUCH' if bad else ''}"
        )
    return good


def main(words: list[str]) -> None:
    match words:
        case ["migrate", database]:
            start_django()
            migrate(database)
        case ["refresh", database, base_url, times]:
            print(json.dumps(measure_refresh(database, base_url, int(times))))
        case ["pages", few, many]:
            print(json.dumps(measure_pages(few, many)))
        case _:
            sys.exit(0 if on_each(compare) else "Not everything that is required holds.")


if __name__ == "__main__":
    main(sys.argv[1:])
