"""How many bytes an entry takes in the database, with all that belongs to it, against its own text.

Its indexes, delivery, sums and words are counted. The text is the canonical JSON that is hashed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from benchmarks.databases import Place, start_django, use
from benchmarks.rows import Figure, Row
from benchmarks.sizes import Size

SAMPLE = 1000


def rows(place: Place, size: Size) -> Iterator[Row]:
    found = place.run(__name__, place.ledger(size.entries))
    yield Row(
        f"bytes an entry takes, {size.entries:,} entries",
        "its canonical JSON",
        found["stored"] / found["text"],
        place.title,
        figures=(Figure("", found["stored"], "bytes"), Figure("text", found["text"], "bytes")),
    )


def measure(database: str) -> dict[str, float]:
    """The bytes of an entry, on average: of the whole database, and of the text of some."""
    start_django()
    use(database)
    from django.db import connection

    from usage.canonical import canonical, fields_of
    from usage.models import Chain, LedgerEntry

    chain = Chain.objects.select_related("account__exchange").get()
    exchange = chain.account.exchange.base_url
    entries = LedgerEntry.objects.filter(account=chain.account)
    texts = [
        len(canonical(fields_of(entry, chain_id=chain.chain_id, exchange=exchange)))
        for entry in entries.order_by("seq")[:SAMPLE]
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        else:
            cursor.execute("SELECT pg_database_size(current_database())")
        (stored,) = cursor.fetchone()
    return {"stored": stored / entries.count(), "text": sum(texts) / len(texts)}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
