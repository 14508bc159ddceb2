"""Dashboard, services, logs and recording with a million entries, under 8 and 64 connections.

Each against the bare Django view under as many: one that shows fifty rows by a template beside the pages,
one that inserts a row beside recording. Both under the Procfile's gunicorn; rounds alternate, medians count,
and no request may fail. A page is asked for as a browser does, signed in, compressed; the ledger is that of
``bench_ledger_pages``, and this comes after it, because it makes it longer.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.asking import Target, compare, troubles
from benchmarks.databases import Place
from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.serving import Server, bare_view_on, site_on
from benchmarks.sizes import Size

CONNECTIONS = (8, 64)
PAGES = {
    "dashboard": ("/", "Dashboard"),
    "services": ("/catalog/services/", "Service 1"),
    "logs": ("/usage/logs/", "Service 1"),
}
LEAST = {"dashboard": 0.015, "services": 0.03, "logs": 0.01, "recording": 0.05}
"""About half of what is reached on a busy machine: who loses more has broken something."""


def rows(place: Place, size: Size) -> Iterator[Row]:
    database = place.ledger(size.entries)
    admitted = place.run("benchmarks.visiting", database)
    with bare_view_on(place, admitted["connection"]) as bare, site_on(place, database) as site:
        # signed in, and as a browser asks
        headers = {"Cookie": admitted["cookie"], "Accept-Encoding": "gzip"}
        pages = {name: Target(site, path, headers=headers) for name, (path, _words) in PAGES.items()}
        for name, target in pages.items():
            Target(site, target.path, headers={"Cookie": admitted["cookie"]}).look(PAGES[name][1])
        shown = Target(bare, "/page")
        shown.look("<td>consume</td>")
        for name, target in pages.items():
            for connections in CONNECTIONS:
                yield _row(name, target, shown, connections, place, size)
        key = {"Authorization": f"Bearer {admitted['key']}"}
        recording = Target(site, "/api/v1/usage", "POST", key)
        for connections in CONNECTIONS:
            yield _row("recording", recording, Target(bare, "/", "POST"), connections, place, size)
        yield _memory(place, site, bare)


def _row(name: str, ours: Target, bare: Target, connections: int, place: Place, size: Size) -> Row:
    found = compare({name: ours, "bare view": bare}, connections, size.load_rounds, size.load_seconds)
    return Row(
        f"{name}, {size.entries:,} entries, {connections} connections",
        "bare view that inserts a row" if bare.method == "POST" else "bare view of 50 rows",
        found[name].rate / found["bare view"].rate,
        place.title,
        figures=(*found[name].figures(), *found["bare view"].figures("bare")),
        limits=(Limit(RATIO, least=LEAST[name]),),
        troubles=troubles(found),
    )


def _memory(place: Place, site: Server, bare: Server) -> Row:
    ours, baseline = site.worker_megabytes(), bare.worker_megabytes()
    return Row(
        "memory of a web worker, after that",
        "bare view's",
        ours / baseline,
        place.title,
        figures=(Figure("", ours, "MB"), Figure("bare", baseline, "MB")),
    )
