"""Changing tables on PostgreSQL without stopping everybody: ``manage.py migrate`` works by this."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

MIGRATING = 0x746F6B6C
"""The number of the advisory lock that who migrates holds: one of our own."""
LOOKS_EVERY = 0.5
MOST_TOLD = 3
OLD = 1.0
"""Seconds for which a transaction must have been open to be named."""


@contextmanager
def waiting_at_most(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    """Inside the block no change of the schema waits longer than this for a table; 0 is for ever.

    The limit is that of the transaction where there is one, so that a pool of connections (PgBouncer) hands
    it to nobody else. A change itself may take as long as it needs, whatever ``statement_timeout`` says.
    """
    usual = connection.SchemaEditorClass
    assert usual is not None  # noqa: S101 - every database of ours has one
    limits = {"lock_timeout": str(int(seconds * 1000)), "statement_timeout": "0"}

    # mypy cannot know a class that is found at run time
    class Editor(usual):  # type: ignore[valid-type,misc]
        def __enter__(self) -> Any:
            entered = super().__enter__()
            local = self.atomic_migration
            with self.connection.cursor() as cursor:
                for name, value in limits.items():
                    cursor.execute("SELECT set_config(%s, %s, %s)", [name, value, local])
            return entered

        def __exit__(self, *raised: object) -> None:
            try:
                super().__exit__(*raised)
            finally:
                if not self.atomic_migration:
                    with self.connection.cursor() as cursor:
                        for name in limits:
                            cursor.execute(f"RESET {name}")

    # of this connection alone
    connection.SchemaEditorClass = Editor
    try:
        yield
    finally:
        del connection.SchemaEditorClass


@contextmanager
def one_at_a_time(connection: BaseDatabaseWrapper, wait: Callable[[], None]) -> Iterator[None]:
    """Inside the block nobody else migrates this database, from whatever machine; ``wait`` is called once
    before it is waited for.

    On PostgreSQL the lock belongs to the session, which must be one of its own: no pool between.
    """
    if connection.vendor == "postgresql":
        _take(lambda: _has_locked(connection), wait)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])
        return
    file = str(connection.settings_dict["NAME"])
    if not Path(file).is_absolute() or not Path(file).parent.is_dir():
        yield  # in memory, and nobody else's
        return
    place = os.open(f"{file}-migrate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lambda: _has_flocked(place), wait)
        yield
    finally:
        os.close(place)


def _take(lock: Callable[[], bool], wait: Callable[[], None]) -> None:
    """Look again and again: a statement that waited would have a snapshot, which an index in the making
    waits for.
    """
    if lock():
        return
    wait()
    while not lock():
        time.sleep(LOOKS_EVERY)


def _has_locked(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATING])
        return bool(cursor.fetchone()[0])


def _has_flocked(place: int) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holders_of_locks(connection: BaseDatabaseWrapper) -> list[str]:
    """The sessions on this database whose transactions have been open for longest, in words for a person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, state, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL "
            "AND now() - xact_start > make_interval(secs => %s) ORDER BY xact_start LIMIT %s",
            [OLD, MOST_TOLD],
        )
        rows = cursor.fetchall()
    return [f"process {pid} ({state}, its transaction is {age} s old)" for pid, state, age in rows]
