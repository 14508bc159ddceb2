"""``make bench``: every benchmark on every database, one table, exit code 1 where a bound is missed.

    python -m benchmarks --quick
    python -m benchmarks --only api_recording --only load
    python -m benchmarks --only ledger_pages --entries 10000000
    python -m benchmarks --write

``TEST_POSTGRES_URL`` (a role that may create databases) runs all on PostgreSQL too. Results are kept in
var/benchmarks.json, each benchmark's newest; ``--write`` puts what is kept there into docs/benchmarks.md.
Ten million entries take most of an hour to fill, and some 10 GB (SQLite) or 16 GB (PostgreSQL).
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from types import ModuleType

from benchmarks import databases, machine, report
from benchmarks.asking import HAS_WRK
from benchmarks.databases import REPOSITORY, Place
from benchmarks.rows import Row, all_hold, table
from benchmarks.sizes import FULL, QUICK, Size

WITHOUT_DATABASE = ("exchange_client",)
# the last one makes the long ledger longer
ON_DATABASES = (
    "recording",
    "api_recording",
    "delivery",
    "verify",
    "catalogue",
    "ledger_pages",
    "storage",
    "load",
)
BENCHES = (*WITHOUT_DATABASE, *ON_DATABASES)
ASKED_BY_WRK = ("api_recording", "load")
RESULTS, QUICK_RESULTS = REPOSITORY / "var" / "benchmarks.json", REPOSITORY / "var" / "benchmarks-quick.json"
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"


def main(words: list[str] | None = None) -> int:
    asked = parse(words)
    size = QUICK if asked.quick else FULL
    if asked.entries:
        size = dataclasses.replace(size, entries=asked.entries)
    postgres_url = os.environ.get("TEST_POSTGRES_URL", "")
    benches = [name for name in BENCHES if not asked.only or name in asked.only]
    if not HAS_WRK and (unasked := set(benches).intersection(ASKED_BY_WRK)):
        benches = [name for name in benches if name not in unasked]
        say(f"NOT RUN: {', '.join(sorted(unasked))}. They need wrk (apt-get install wrk).")
    if not postgres_url:
        say("PostgreSQL: NOT RUN. Set TEST_POSTGRES_URL=postgres://user@host/postgres to measure it too.")
    about = machine.describe(postgres_url)
    results = QUICK_RESULTS if asked.quick else RESULTS
    # each as soon as it is there: what takes so long is sometimes ended before it is done
    runs, failed = measure(benches, size, postgres_url, lambda run: report.keep(results, about, [run]))
    kept = report.keep(results, about, [])
    rows = [row for run in sorted(runs, key=lambda run: BENCHES.index(run.bench)) for row in run.rows]
    loads = sorted(load for run in runs for load in run.load) or [0.0]
    print("\n".join(f"{name:<11}{value}" for name, value in about.items()))
    print(f"{'commit':<11}{machine.commit()}\n{'load':<11}{loads[0]:.1f} to {loads[-1]:.1f}\n\n{table(rows)}")
    if asked.write:
        told = report.markdown(about, kept, list(BENCHES))
        DOCUMENT.write_text(report.write_between(DOCUMENT.read_text(), told))
    if failed:
        say(f"FAILED, see above: {', '.join(failed)}")
    if not all_hold(rows):
        say("Not everything that is required holds.")
    return 0 if all_hold(rows) and not failed else 1


def parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against baselines.")
    parser.add_argument("--only", action="append", choices=BENCHES, help="this one (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="little data: a check, in minutes")
    parser.add_argument("--entries", type=int, default=0, help=f"of the long ledger ({FULL.entries:,})")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    asked = parser.parse_args(words)
    if asked.write and (asked.quick or asked.entries):
        parser.error("docs/benchmarks.md has the figures of the full size: --write goes without the others")
    return asked


def measure(
    benches: list[str], size: Size, postgres_url: str, keep: Callable[[report.Run], object]
) -> tuple[list[report.Run], list[str]]:
    """Each on each kind of database, given to ``keep`` too; and those that broke, with a traceback."""
    runs, failed = list[report.Run](), list[str]()

    def one(bench: str, title: str, rows: Callable[[], Iterator[Row]]) -> None:
        name = f"{bench} {title}".strip()
        began, load, found = time.monotonic(), machine.load_average(), list[Row]()
        try:
            for row in rows():
                found.append(row)
                say(f"{row.database:<11}{row.what}: {row.ratio:.2f} {row.verdict}")
        except Exception:  # noqa: BLE001 - the others are measured all the same
            traceback.print_exc()
            failed.append(name)
        took = time.monotonic() - began
        say(f"{title:<11}{bench} took {took:.0f} s")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        loads = (load, machine.load_average())
        runs.append(report.Run(bench, title, now, machine.commit(), loads, round(took, 1), tuple(found)))
        if name not in failed:
            keep(runs[-1])

    for bench in (name for name in benches if name in WITHOUT_DATABASE):
        one(bench, "", partial(_module(bench).rows, size))
    kinds: list[AbstractContextManager[Place]] = [databases.sqlite()]
    if postgres_url:
        kinds.append(databases.postgres(postgres_url))
    on_databases = [name for name in benches if name in ON_DATABASES]
    for kind in kinds if on_databases else []:
        with kind as place:
            for bench in on_databases:
                one(bench, place.title, partial(_module(bench).rows, place, size))
    return runs, failed


def _module(bench: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.bench_{bench}")


def say(text: str) -> None:
    """On stderr: stdout has the table alone."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
