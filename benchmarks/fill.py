"""A new database with a ledger of any length: ``python -m benchmarks.fill DATABASE ENTRIES``.

With ``OWN BATCH`` after them so many entries are recorded, not copied, so many at a time.
"""

from __future__ import annotations

import sys

from benchmarks.databases import migrate, start_django


def main(database: str, entries: str, *how: str) -> None:
    start_django()
    migrate(database)
    from benchmarks import ledger_data

    ledger_data.fill(int(entries), *map(int, how))


if __name__ == "__main__":
    main(*sys.argv[1:])
