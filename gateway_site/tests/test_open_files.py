from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_django
from django.core.signals import request_started
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@pytest.fixture
def opened(tmp_path: Path, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    """A connection of this thread to a file of its own, kept open."""
    write(tmp_path / "books.sqlite3", "first")
    usual = connections.databases["default"]
    connections.databases["books"] = {
        **usual,
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "books.sqlite3"),
        "OPTIONS": {},
    }
    try:
        with django_db_blocker.unblock():
            yield connections["books"]
    finally:
        connections["books"].close()
        del connections["books"]
        del connections.databases["books"]


def test_a_connection_stays_open_from_one_request_to_the_next(opened: BaseDatabaseWrapper) -> None:
    assert read(opened) == "first"
    kept = opened.connection
    begin_a_request()
    assert opened.connection is kept


def test_who_puts_another_file_in_its_place_is_read_by_the_next_request(
    opened: BaseDatabaseWrapper, tmp_path: Path
) -> None:
    assert read(opened) == "first"
    write(tmp_path / "backup.sqlite3", "second")
    (tmp_path / "backup.sqlite3").replace(tmp_path / "books.sqlite3")
    assert read(opened) == "first"
    begin_a_request()
    assert read(opened) == "second"


def begin_a_request() -> None:
    request_started.send(sender=None)


def write(path: Path, word: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE told (word)")
        file.execute("INSERT INTO told VALUES (?)", [word])


def read(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT word FROM told")
        return str(cursor.fetchone()[0])
