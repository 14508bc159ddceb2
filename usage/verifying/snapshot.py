"""One state of the database to look at, for as long as it takes, while others go on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything that is read inside the block is of one instant; nobody waits for it, and it for nobody.

    PostgreSQL: a read-only transaction of level REPEATABLE READ. SQLite: a deferred one, which in WAL mode
    reads what was committed when it began and takes no lock on writing; ours begin IMMEDIATE elsewhere. What
    it costs: SQLite's WAL grows, and PostgreSQL keeps old rows of deliveries, until the block ends. Inside a
    transaction it is that transaction's view.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
