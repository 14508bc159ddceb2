"""Recording in batches against bare ``executemany`` into the same table, with its indexes and triggers.

    make bench

Both write rows of the same content, a thousand to a transaction, each committed to the disk
(``synchronous=FULL``, ``synchronous_commit=on``); rounds alternate. The ledger's must be at least 0.15 of the
bare rate: it checks each entry, looks up what is there under its id, chains and hashes it, and writes sums,
delivery and the memo's index beside it. With ``TEST_POSTGRES_URL`` the same on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

from benchmarks.databases import in_a_process, migrate, on_each, start_django, use

BATCH, BATCHES, ROUNDS = 1000, 4, 5
LEAST = 0.15


def measure(ours: str, bare: str) -> dict[str, float]:
    """Entries a second of both, the best round of each."""
    start_django()
    from django.db import transaction
    from django.utils import timezone

    from accounts.factories import make_account
    from benchmarks.ledger_data import SPAN, drafts, market
    from usage import ledger
    from usage.models import LedgerEntry

    told = drafts(BATCH * BATCHES * ROUNDS, datetime.now(UTC) - SPAN, datetime.now(UTC))
    accounts = {}
    for database in (ours, bare):
        migrate(database)
        market(timezone.now())
        accounts[database] = make_account()
    best = {ours: 0.0, bare: 0.0}
    for _ in range(ROUNDS):
        batches = [list(islice(told, BATCH)) for _ in range(BATCHES)]
        use(ours)
        began = time.perf_counter()
        for batch in batches:
            ledger.record(accounts[ours], batch, source="api")
        best[ours] = max(best[ours], BATCH * BATCHES / (time.perf_counter() - began))
        # the very rows that were written, so that nothing is easier about the others
        rows = list(LedgerEntry.objects.order_by("-seq")[: BATCH * BATCHES])[::-1]
        use(bare)
        statement, values = prepared(rows, accounts[bare].pk)
        began = time.perf_counter()
        for start in range(0, len(values), BATCH):
            with transaction.atomic():
                many(statement, values[start : start + BATCH])
        best[bare] = max(best[bare], BATCH * BATCHES / (time.perf_counter() - began))
    return {"ours": best[ours], "bare": best[bare]}


def prepared(rows: list, account: int) -> tuple[str, list[list[object]]]:
    """The statement and the values as the driver takes them: made before the clock runs."""
    from django.db import connection

    fields = [field for field in type(rows[0])._meta.concrete_fields if not field.primary_key]
    for row in rows:
        row.account_id = account
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows
    ]
    # our own names
    return f"INSERT INTO usage_ledgerentry ({columns}) VALUES ({places})", values  # noqa: S608


def many(statement: str, values: list[list[object]]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


def compare(title: str, start_url: str, ours: str, bare: str) -> bool:
    figures = in_a_process(__file__, start_url, "measure", ours, bare)
    ratio = figures["ours"] / figures["bare"]
    good = bool(ratio >= LEAST)
    print(
        f"{title:<12}{figures['ours']:>12,.0f}/s{figures['bare']:>12,.0f}/s{ratio:>8.2f}"
        f"{'' if good else '  TOO SLOW'}"
    )
    return good


def main(words: list[str]) -> None:
    match words:
        case ["measure", ours, bare]:
            print(json.dumps(measure(ours, bare)))
        case _:
            print(
                f"\nRecording in batches of {BATCH:,}\n{'':<12}{'ledger':>14}{'executemany':>14}{'ratio':>8}"
            )
            sys.exit(0 if on_each(compare) else "Recording is slower than required.")


if __name__ == "__main__":
    main(sys.argv[1:])
