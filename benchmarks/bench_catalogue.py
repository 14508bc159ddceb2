"""The catalogue with 50,000 services: its pages against the same pages with 60, and what a refresh takes.

Each page may take 3 times as long and no more than 12 queries; a refresh that changes nothing, 5 seconds.
Rounds with the small and the large catalogue alternate, so that noise troubles them alike. A refresh is
compared with bare ``requests`` that fetches and parses the same two lists and keeps nothing.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator

from benchmarks.catalogue_exchange import listing_exchange
from benchmarks.databases import Place, migrate, start_django, use
from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.sizes import Size

FEW = 60
CALLS = 5
MOST_QUERIES, MOST_TIMES, MOST_SECONDS = 12, 3.0, 5.0
# the page with many services, and the same one with few
PAGES = {
    "first page": ("/catalog/services/", "/catalog/services/"),
    "by text": ("/catalog/services/?q=mini", "/catalog/services/?q=mini"),
    "by family": ("/catalog/services/?family=gpt-4o", "/catalog/services/?family=gpt-4o"),
    "page 500": ("/catalog/services/?page=500", "/catalog/services/?page=2"),
    "by name": ("/catalog/services/?sort=name", "/catalog/services/?sort=name"),
    "rare text": (
        "/catalog/services/?q=%E4%B8%8A%E6%B5%B7",
        "/catalog/services/?q=%E4%B8%8A%E6%B5%B7",
    ),
    "no match": ("/catalog/services/?q=zzz", "/catalog/services/?q=zzz"),
    "by price": ("/catalog/services/?max_price=0.001", "/catalog/services/?max_price=0.001"),
    "with trial": ("/catalog/services/?trial=1", "/catalog/services/?trial=1"),
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


def rows(place: Place, size: Size) -> Iterator[Row]:
    few, many = place.new(), place.new()
    for database, count in ((few, FEW), (many, size.services)):
        place.run(__name__, "migrate", database)
        with listing_exchange(count) as base_url:
            if count == FEW:
                place.run(__name__, "refresh", database, base_url, "1")
            else:
                for name, (mode, times) in REFRESHES.items():
                    urllib.request.urlopen(f"{base_url}/_mode/{mode}", data=b"").close()  # noqa: S310 - our own
                    found = place.run(__name__, "refresh", database, base_url, str(times))
                    yield _refresh_row(
                        place, f"refresh of {count:,} services: {name}", found, name in UNCHANGED
                    )
    for name, found in place.run(__name__, "pages", few, many, str(size.rounds)).items():
        yield Row(
            f"{size.services:,} services: {name}",
            f"the same page with {FEW}",
            found["many"] / found["few"],
            place.title,
            figures=(Figure("", found["many"], "ms"), Figure("queries", found["queries"], "")),
            limits=(Limit(RATIO, most=MOST_TIMES), Limit("queries", most=MOST_QUERIES))
            if name in REQUIRED
            else (),
        )


def _refresh_row(place: Place, what: str, found: dict[str, float], is_unchanged: bool) -> Row:
    return Row(
        what,
        "bare requests, both lists",
        found["seconds"] / found["bare"],
        place.title,
        figures=(Figure("took", found["seconds"], "s"), Figure("memory", found["megabytes"], "MB")),
        limits=(Limit("took", most=MOST_SECONDS),) if is_unchanged else (),
    )


def measure_refresh(database: str, base_url: str, times: int) -> dict[str, float]:
    """The median of so many refreshes in seconds, and of bare ``requests`` for the same lists; and how many
    megabytes more the process came to need.
    """
    start_django(base_url)
    use(database)
    import requests

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
    bare = []
    for _ in range(times):
        began = time.perf_counter()
        for path in ("services", "providers"):
            requests.get(f"{base_url}/{path}", timeout=60).json()
        bare.append(time.perf_counter() - began)
    return {
        "seconds": statistics.median(taken),
        "bare": statistics.median(bare),
        "megabytes": (after - before) / 1024,
    }


def measure_pages(few: str, many: str, rounds: int) -> dict[str, dict[str, float]]:
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
        for _ in range(rounds):
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


def main(words: list[str]) -> None:
    match words:
        case ["migrate", database]:
            start_django()
            migrate(database)
        case ["refresh", database, base_url, times]:
            print(json.dumps(measure_refresh(database, base_url, int(times))))
        case ["pages", few, many, rounds]:
            print(json.dumps(measure_pages(few, many, int(rounds))))


if __name__ == "__main__":
    main(sys.argv[1:])
