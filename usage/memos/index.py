"""The full-text index of memos: FTS5 on SQLite, a GIN index over tsvector on PostgreSQL.

A term is indexed with its account and its block: the entries whose keys share their upper bits. So a search
walks from the newest block to the oldest and stops as soon as a page is full: however frequent a word is, no
more than some blocks' matches are ever put in order, and nobody's entries are looked through but one's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from usage.memos.terms import terms_of
from usage.models import LedgerEntry
from usage.writing.inserting import execute_many

TABLE = "usage_memo"
BLOCK_BITS = 15
MARK = "§"
"""Between account, block and term: no term has it, and FTS5's tokenizer takes it for a letter."""
REBUILD_ROWS = 2000
# only which entry has a term is asked, never where or how often
FTS5 = "fts5(terms, content='', detail=none, columnsize=0, tokenize='ascii')"

_CREATE = {
    "sqlite": [
        f"CREATE VIRTUAL TABLE {TABLE} USING {FTS5}",
    ],
    "postgresql": [
        f"CREATE TABLE {TABLE} (entry_id bigint PRIMARY KEY, terms tsvector NOT NULL)",
        # a list of what is not indexed yet would be looked through by every search
        f"CREATE INDEX {TABLE}_terms ON {TABLE} USING gin (terms) WITH (fastupdate = off)",
    ],
}
# only the name of our own table is put into these
_ADD = {
    "sqlite": f"INSERT INTO {TABLE} (rowid, terms) VALUES (%s, %s)",  # noqa: S608
    "postgresql": f"INSERT INTO {TABLE} (entry_id, terms) VALUES (%s, array_to_tsvector(%s::text[]))",  # noqa: S608
}
_CLEAR = {
    "sqlite": f"INSERT INTO {TABLE} ({TABLE}) VALUES ('delete-all')",  # noqa: S608
    "postgresql": f"DELETE FROM {TABLE}",  # noqa: S608
}


def create(connection: BaseDatabaseWrapper) -> None:
    """Make the table: for the migration."""
    with connection.cursor() as cursor:
        for statement in _CREATE[connection.vendor]:
            cursor.execute(statement)


def drop(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")


def add(rows: Iterable[tuple[int, int, str]]) -> None:
    """Index new entries: key, account's key, memo. Must be called in the transaction that inserts them."""
    sqlite = connection.vendor == "sqlite"
    values = []
    for key, account, memo in rows:
        terms = [term_in(account, block_of(key), term) for term in terms_of(memo)]
        if terms:
            values.append((key, " ".join(terms) if sqlite else terms))
    if values:
        execute_many(_ADD[connection.vendor], values)


def clear() -> None:
    """Forget every memo. The entries keep theirs; ``rebuild`` brings the index back."""
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR[connection.vendor])


def rebuild() -> int:
    """Make the index again from the entries; how many have a memo. Recording on SQLite waits meanwhile."""
    with transaction.atomic():
        clear()
        indexed = 0
        rows = _rows()
        while batch := list(islice(rows, REBUILD_ROWS)):
            add(batch)
            indexed += len(batch)
    return indexed


def block_of(key: int) -> int:
    """The block in which an entry's terms are indexed."""
    return key >> BLOCK_BITS


def term_in(account: int, block: int, term: str) -> str:
    """A term as it stands in the index."""
    return f"{account}{MARK}{block}{MARK}{term}"


def _rows() -> Iterator[tuple[int, int, str]]:
    last = 0
    entries = LedgerEntry.objects.order_by("pk").values_list("pk", "account_id", "memo")
    while rows := list(entries.filter(pk__gt=last)[:REBUILD_ROWS]):
        yield from (row for row in rows if row[2])
        last = rows[-1][0]
