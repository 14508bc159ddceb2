"""Recording one entry through the API against a bare Django view that inserts one row, under the same server.

Both run by the Procfile's gunicorn on databases of the same kind, with the site's own settings of them
(``synchronous=FULL``), and are asked over 8 connections that stay open; rounds alternate, and what counts is
the medians. The site looks the key up, judges, prices, chains and hashes the entry, and writes sums,
delivery, the key's day and the chain beside it. It shall answer half as many requests a second, which it does
not yet: docs/benchmarks.md shows where the time goes, and less than ``LEAST`` is a failure here.

A third server is the bare view that opens a connection for each request, as Django does if nothing is said.
Afterwards the ledger has to verify, with every entry in it that was answered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks.asking import Target, compare, troubles
from benchmarks.databases import Place, migrate, start_django, use
from benchmarks.rows import RATIO, Limit, Row
from benchmarks.serving import bare_view_on, site_on
from benchmarks.sizes import Size

CONNECTIONS = 8
WANTED = 0.5
LEAST = {"SQLite": 0.15, "PostgreSQL": 0.08}
"""On PostgreSQL bare rows are committed side by side, the entries of one chain one after the other."""
BASELINES = ("bare view", "bare view that opens connections")


def rows(place: Place, size: Size) -> Iterator[Row]:
    database = place.new()
    place.run(__name__, "migrate", database)
    admitted = place.run("benchmarks.visiting", database)
    headers = {"Authorization": f"Bearer {admitted['key']}"}
    with ExitStack() as stack:
        bare = stack.enter_context(bare_view_on(place, admitted["connection"]))
        opening = stack.enter_context(bare_view_on(place, admitted["connection"] | {"CONN_MAX_AGE": 0}))
        site = stack.enter_context(site_on(place, database))
        targets = {
            BASELINES[0]: Target(bare, "/", "POST"),
            "recording": Target(site, "/api/v1/usage", "POST", headers),
            BASELINES[1]: Target(opening, "/", "POST"),
        }
        found = compare(targets, CONNECTIONS, size.rounds, size.seconds)
    checked = place.run(__name__, "check", database)
    wrong = troubles(found) + tuple(checked["problems"][:5])
    for name in BASELINES:
        ours, baseline = found["recording"], found[name]
        ratio = ours.rate / baseline.rate
        is_first = name == BASELINES[0]
        yield Row(
            f"recording by the API, {CONNECTIONS} connections",
            name,
            ratio,
            place.title,
            figures=(*(ours.figures() if is_first else ()), *baseline.figures("bare")),
            limits=(Limit(RATIO, least=LEAST[place.title]),) if is_first else (),
            troubles=wrong if is_first else (),
            note=f"short of {WANTED}" if is_first and ratio < WANTED else "",
        )


def check(database: str) -> dict[str, Any]:
    """How many entries are in the ledger, and what verify_ledger finds wrong with them."""
    start_django()
    use(database)
    from usage.models import Chain
    from usage.verification import verify

    found = verify(Chain.objects.get().account, statement=None)
    return {"entries": found.entries, "problems": [str(problem) for problem in found.problems]}


def main(words: list[str]) -> None:
    match words:
        case ["migrate", database]:
            start_django()
            migrate(database)
        case ["check", database]:
            print(json.dumps(check(database)))


if __name__ == "__main__":
    main(sys.argv[1:])
