"""What the doctor finds of the settings and the database."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from django.core import checks as django_checks
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from gateway_site.doctor import (
    configuration,
    database,
)
from gateway_site.tests.examined import found, levels

SQLITE = connection.vendor == "sqlite"
sqlite_alone = pytest.mark.skipif(not SQLITE, reason="what SQLite has")
postgres_alone = pytest.mark.skipif(SQLITE, reason="what PostgreSQL has")


@pytest.mark.parametrize(
    ("made", "level"),
    [(None, "ok"), (django_checks.Warning, "warning"), (django_checks.Error, "problem")],
)
def test_the_system_checks_are_told(made: Any, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [made("Something is wrong.", hint="Mend it.", id="x.W001")] if made else []
    monkeypatch.setattr(configuration.django_checks, "run_checks", lambda **_: said)
    finding = found(configuration.checks)
    assert (finding.id, finding.level) == ("configuration.checks", level)
    assert not made or (finding.message, finding.advice) == ("Something is wrong. (x.W001)", "Mend it.")


@pytest.mark.parametrize("live", [True, False])
def test_in_live_the_checks_of_a_deployment_are_asked_too(
    live: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIVE = live
    run = MagicMock(return_value=[])
    monkeypatch.setattr(configuration.django_checks, "run_checks", run)
    list(configuration.checks())
    run.assert_called_once_with(include_deployment_checks=live)


@pytest.mark.django_db
def test_the_database_answers() -> None:
    finding = found(database.reachable)
    assert finding.level == "ok"
    assert finding.message.startswith("SQLite 3." if SQLITE else "PostgreSQL 1")


@pytest.mark.django_db
def test_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(connection, "ensure_connection", fail)
    finding = found(database.reachable)
    assert (finding.id, finding.level) == ("database.reachable", "problem")
    assert "connection refused" in finding.message
    assert "Is the server" not in finding.message


@pytest.mark.django_db
def test_migrations_that_are_missing_are_named() -> None:
    assert found(database.migrations).level == "ok"
    MigrationRecorder.Migration.objects.filter(app="usage", name="0002_ledger").delete()
    finding = found(database.migrations)
    assert finding.level == "problem"
    assert "1 migration is missing: usage.0002_ledger." in finding.message
    assert "migrate" in finding.advice


@pytest.mark.django_db
def test_a_database_as_it_should_be_keeps_what_it_confirmed() -> None:
    if SQLITE:
        assert levels(database.settings_of_it) == {"database.durable": "ok"}


@sqlite_alone
@pytest.mark.parametrize(
    ("pragma", "answer", "key", "level"),
    [("synchronous", 1, "synchronous", "problem"), ("journal_mode", "delete", "journal", "warning")],
)
def test_sqlite_that_may_lose_entries(
    pragma: str, answer: object, key: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"synchronous": 2, "journal_mode": "wal", pragma: answer}
    cursor = MagicMock()
    cursor.__enter__.return_value.execute = lambda sql: MagicMock(
        fetchone=lambda: (values[sql.removeprefix("PRAGMA ")],)
    )
    monkeypatch.setattr(connection, "cursor", lambda: cursor)
    assert levels(database.settings_of_it) == {f"database.{key}": level}


@postgres_alone
@pytest.mark.parametrize(
    ("name", "value", "key", "level"),
    [
        ("fsync", "off", "fsync", "problem"),
        ("full_page_writes", "off", "full_page_writes", "problem"),
        ("synchronous_commit", "off", "synchronous_commit", "problem"),
        ("transaction_read_only", "on", "read_only", "problem"),
        ("autovacuum", "off", "autovacuum", "warning"),
        ("statement_timeout", "0", "timeouts", "warning"),
        ("idle_in_transaction_session_timeout", "0", "timeouts", "warning"),
        ("max_connections", "1", "connections", "warning"),
    ],
)
@pytest.mark.django_db
def test_postgresql_set_otherwise_than_it_should_be(
    name: str, value: str, key: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "transaction_read_only": "off",
        "autovacuum": "on",
        "statement_timeout": "60000",
        "idle_in_transaction_session_timeout": "60000",
        "max_connections": "10000",
    }
    assert set(database._shown(*shown)) == set(shown)  # the server knows each of them
    monkeypatch.setattr(database, "_shown", lambda *_: shown)
    assert set(levels(database.settings_of_it).values()) == {"ok"}
    monkeypatch.setattr(database, "_shown", lambda *_: shown | {name: value})
    assert levels(database.settings_of_it)[f"database.{key}"] == level


@sqlite_alone
@pytest.mark.parametrize(("free", "level"), [(10**11, "ok"), (10**9, "warning"), (10**8, "problem")])
@pytest.mark.django_db
def test_room_on_the_disk(free: int, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: MagicMock(free=free))
    assert found(database.room, "room").level == level


@sqlite_alone
def test_a_write_ahead_log_that_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.sqlite3"
    file.touch()
    with Path(f"{file}-wal").open("wb") as wal:
        wal.truncate(2 * 10**9)
    monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    assert found(database.room, "wal").level == "warning"
