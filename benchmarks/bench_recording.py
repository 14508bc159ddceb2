"""Recording in batches against bare ``executemany`` into the same table, with its indexes and triggers.

Both write rows of the same content, a thousand to a transaction, each committed to the disk
(``synchronous=FULL``, ``synchronous_commit=on``); rounds alternate. The ledger's must be at least 0.15 of the
bare rate: it checks each entry, looks up what is there under its id, chains and hashes it, and writes sums,
delivery and the memo's index beside it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from benchmarks.databases import Place, migrate, start_django, use
from benchmarks.rows import RATIO, Figure, Limit, Row
from benchmarks.sizes import Size

BATCH, ROUNDS = 1000, 5
LEAST = 0.15


def rows(place: Place, size: Size) -> Iterator[Row]:
    found = place.run(__name__, place.new(), place.new(), str(size.batches))
    yield Row(
        "ledger, 1,000 entries a batch",
        "executemany into the same table",
        found["ours"] / found["bare"],
        place.title,
        figures=(Figure("", found["ours"], "/s"), Figure("bare", found["bare"], "/s")),
        limits=(Limit(RATIO, least=LEAST),),
    )


def measure(ours: str, bare: str, count: int) -> dict[str, float]:
    """Entries a second of both, the best round of each."""
    start_django()
    from django.db import transaction
    from django.utils import timezone

    from accounts.factories import make_account
    from benchmarks.ledger_data import SPAN, drafts, market
    from usage import ledger
    from usage.models import LedgerEntry

    told = drafts(BATCH * count * ROUNDS, datetime.now(UTC) - SPAN, datetime.now(UTC))
    accounts = {}
    for database in (ours, bare):
        migrate(database)
        market(timezone.now())
        accounts[database] = make_account()
    best = {ours: 0.0, bare: 0.0}
    for _ in range(ROUNDS):
        batches = [list(islice(told, BATCH)) for _ in range(count)]
        use(ours)
        began = time.perf_counter()
        for batch in batches:
            ledger.record(accounts[ours], batch, source="api")
        best[ours] = max(best[ours], BATCH * count / (time.perf_counter() - began))
        # the very rows that were written, so that nothing is easier about the others
        written = list(LedgerEntry.objects.order_by("-seq")[: BATCH * count])[::-1]
        use(bare)
        statement, values = prepared(written, accounts[bare].pk)
        began = time.perf_counter()
        for start in range(0, len(values), BATCH):
            with transaction.atomic():
                many(statement, values[start : start + BATCH])
        best[bare] = max(best[bare], BATCH * count / (time.perf_counter() - began))
    return {"ours": best[ours], "bare": best[bare]}


def prepared(written: list, account: int) -> tuple[str, list[list[object]]]:
    """The statement and the values as the driver takes them: made before the clock runs."""
    from django.db import connection

    fields = [field for field in type(written[0])._meta.concrete_fields if not field.primary_key]
    for row in written:
        row.account_id = account
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        for row in written
    ]
    # our own names
    return f"INSERT INTO usage_ledgerentry ({columns}) VALUES ({places})", values  # noqa: S608


def many(statement: str, values: list[list[object]]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
