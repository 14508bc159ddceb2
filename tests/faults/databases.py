"""Databases for the processes of these tests, of the kind that the run is on: made, copied and dropped."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psycopg
from django.conf import settings
from psycopg import sql


class Database(Protocol):
    """A database that processes open by its URL. Copies are taken while nobody has it open to write."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    def copied(self) -> Database:
        """Another one, with all that is in this one now."""

    def restore(self, backup: Database) -> None:
        """Be as the backup is."""


@dataclass(frozen=True)
class SqliteFile:
    """A file, copied by SQLite's own backup, as an operator does it."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def copied(self) -> SqliteFile:
        copy = SqliteFile(self.path.with_name(f"{uuid.uuid4().hex}.sqlite3"))
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy.path)) as target:
            source.backup(target)
        return copy

    def restore(self, backup: Database) -> None:
        assert isinstance(backup, SqliteFile)
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(backup.path, self.path)


@dataclass(frozen=True)
class PostgresDatabase:
    """A database of the run's cluster, copied by the server."""

    name: str

    @property
    def url(self) -> str:
        of = settings.DATABASES["default"]
        password = f":{quote(of['PASSWORD'], safe='')}" if of["PASSWORD"] else ""
        host = quote(of["HOST"], safe="") or "localhost"
        return f"postgres://{quote(of['USER'], safe='')}{password}@{host}:{of['PORT'] or 5432}/{self.name}"

    def create(self, template: str = "template1") -> None:
        self._do("CREATE DATABASE {} TEMPLATE {}", self.name, template)

    def drop(self) -> None:
        self._do("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)

    def copied(self) -> PostgresDatabase:
        copy = PostgresDatabase(f"{self.name}_{uuid.uuid4().hex[:6]}")
        self._end_its_sessions()
        copy.create(self.name)
        return copy

    def restore(self, backup: Database) -> None:
        assert isinstance(backup, PostgresDatabase)
        self.drop()
        self.create(backup.name)

    def _end_its_sessions(self) -> None:
        """A killed process's session lasts until the server notices; with it no copy can be taken."""
        with self._connected() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [self.name]
            )

    def _do(self, statement: str, *names: str) -> None:
        with self._connected() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        of = settings.DATABASES["default"]
        return psycopg.connect(
            dbname="postgres",
            user=of["USER"],
            password=of["PASSWORD"] or None,
            host=of["HOST"] or None,
            port=of["PORT"] or None,
            autocommit=True,
        )


def on_postgres() -> bool:
    """Whether the run is on PostgreSQL (``TEST_DATABASE_URL``)."""
    return str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")


@contextmanager
def new_database(folder: Path) -> Iterator[Database]:
    """An empty one, gone at the exit with every copy of it."""
    if not on_postgres():
        yield SqliteFile(folder / "gateway.sqlite3")
        return
    database = PostgresDatabase(f"faults_{uuid.uuid4().hex[:12]}")
    database.create()
    try:
        yield database
    finally:
        _drop_family(database)


@contextmanager
def copy_of(template: Database, folder: Path) -> Iterator[Database]:
    """A database as the template is, gone at the exit with every copy of it."""
    if isinstance(template, SqliteFile):
        path = folder / "gateway.sqlite3"
        shutil.copyfile(template.copied().path, path)
        yield SqliteFile(path)
        return
    assert isinstance(template, PostgresDatabase)
    copy = template.copied()
    try:
        yield copy
    finally:
        _drop_family(copy)


def _drop_family(database: PostgresDatabase) -> None:
    with database._connected() as connection:
        family = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [database.name]
        ).fetchall()
    for (name,) in family:
        PostgresDatabase(str(name)).drop()
