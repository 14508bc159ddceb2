"""The database: is it there, is it the one that this code wants, and does it keep what it has confirmed?"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from django.db import Error, connection

from exchange.text import clean_text
from gateway_site.doctor.findings import Finding, Subject, many
from gateway_site.health import missing_migrations

SUBJECT = Subject("Database")
FULL = 2
"""SQLite's number for synchronous=FULL."""
MEGABYTE, GIGABYTE = 10**6, 10**9
LOW, LOWEST = 2 * GIGABYTE, 300 * MEGABYTE
LONG_WAL = GIGABYTE


def reachable() -> Iterator[Finding]:
    """Whether it answers, and which it is."""
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        yield SUBJECT.problem(
            "reachable",
            f"It cannot be used: {clean_text(str(error).partition(chr(10))[0])[:200]}",
            "Is it running, and are DATABASE_URL and its password right?"
            if connection.vendor == "postgresql"
            else "Is the folder there, and may this user write in it? DATABASE_URL names the file.",
        )
        return
    yield SUBJECT.ok("reachable", f"{_version()} answers.")


def migrations() -> Iterator[Finding]:
    """Whether every migration of this code was applied."""
    missing = missing_migrations()
    if missing:
        yield SUBJECT.problem(
            "migrations",
            f"{many(len(missing), 'migration is', 'migrations are')} missing: {', '.join(missing[:3])}"
            f"{' …' if len(missing) > 3 else ''}.",
            "Run `python manage.py migrate`.",
        )
    else:
        yield SUBJECT.ok("migrations", "Every migration was applied.")


def settings_of_it() -> Iterator[Finding]:
    """Whether what it confirms is on the disk, and nobody can hold it up for ever."""
    yield from _postgres() if connection.vendor == "postgresql" else _sqlite()


def room() -> Iterator[Finding]:
    """How much can still be written, where it is a file on this machine."""
    file = _file()
    if file is None:
        return
    free = shutil.disk_usage(file.parent).free
    told = f"{free / GIGABYTE:.1f} GB are free on the disk of the database"
    advice = "Make room, or move the database: when the disk is full, nothing can be recorded."
    if free < LOWEST:
        yield SUBJECT.problem(
            "room", f"Only {free / MEGABYTE:.0f} MB are free on the disk of the database.", advice
        )
    elif free < LOW:
        yield SUBJECT.warning("room", f"{told}.", advice)
    else:
        yield SUBJECT.ok("room", f"{told}.")
    wal = Path(f"{file}-wal")
    if wal.exists() and wal.stat().st_size > LONG_WAL:
        yield SUBJECT.warning(
            "wal",
            f"Its write-ahead log has grown to {wal.stat().st_size / GIGABYTE:.1f} GB.",
            "Something reads one state of it for a long time: look for a verification, a backup or a shell "
            "that hangs.",
        )


def _sqlite() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        journal = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = cursor.execute("PRAGMA synchronous").fetchone()[0]
    advice = (
        "The settings ask for it at each connection: look for what sets it otherwise, or a disk that cannot."
    )
    if synchronous < FULL:
        yield SUBJECT.problem(
            "synchronous", "synchronous is not FULL: a power cut takes entries that were confirmed.", advice
        )
    if journal != "wal":
        yield SUBJECT.warning(
            "journal", f"journal_mode is {journal}, not wal: readers and writers wait.", advice
        )
    if synchronous >= FULL and journal == "wal":
        yield SUBJECT.ok("durable", "What was confirmed is on the disk (synchronous=FULL, WAL).")


def _postgres() -> Iterator[Finding]:
    shown = _shown(
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "autovacuum",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "transaction_read_only",
        "max_connections",
    )
    in_config = "Set it in postgresql.conf, and reload."
    if shown["transaction_read_only"] == "on":
        yield SUBJECT.problem(
            "read_only",
            "It takes no changes: it is a standby, or set to read only.",
            "Point DATABASE_URL to the primary.",
        )
    lossy = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if shown[name] == "off"]
    for name in lossy:
        yield SUBJECT.problem(
            name, f"{name} is off: a crash takes, or spoils, what was confirmed.", f"{name} = on. {in_config}"
        )
    if not lossy:
        yield SUBJECT.ok("durable", "What was confirmed is on the disk (fsync, synchronous_commit).")
    if shown["autovacuum"] == "off":
        yield SUBJECT.warning(
            "autovacuum",
            "autovacuum is off: tables grow and plans get worse with every delivery.",
            f"autovacuum = on. {in_config}",
        )
    endless = [
        name for name in ("statement_timeout", "idle_in_transaction_session_timeout") if shown[name] == "0"
    ]
    if endless:
        yield SUBJECT.warning(
            "timeouts",
            f"No limit is set: {', '.join(endless)}. What hangs there holds up a page for ever.",
            "Set it for the role: ALTER ROLE … SET statement_timeout = '60s'. See docs/deploy.md.",
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        used, most = cursor.fetchone()[0], int(shown["max_connections"])
    if used > most * 0.8:
        yield SUBJECT.warning(
            "connections",
            f"{used} of {most} connections are in use.",
            "Every thread of the web keeps one: raise max_connections, or put a pool in front.",
        )
    else:
        yield SUBJECT.ok("connections", f"{used} of {most} connections are in use.")


def _shown(*names: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)])
        return dict(cursor.fetchall())


def _version() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version: str = cursor.fetchone()[0].split()[0]
    return f"PostgreSQL {version}"


def _file() -> Path | None:
    if connection.vendor != "sqlite":
        return None
    file = Path(connection.settings_dict["NAME"])
    return file if file.is_file() else None
