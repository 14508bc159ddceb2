"""``manage.py migrate`` on a site that is in use: it stops nobody for long, and one does it at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, models
from django.db.migrations.state import ProjectState
from psycopg.errors import LockNotAvailable

from gateway_site.management.commands import migrate
from gateway_site.patient_schema import holders_of_locks, one_at_a_time, waiting_at_most
from usage import triggers
from usage.migrating import AddIndexConcurrently, KeepTriggers
from usage.models import LedgerEntry, Turn

pytestmark = pytest.mark.django_db(transaction=True)
postgres_only = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite's readers keep nobody from changing a table"
)
LIMIT = 30


@pytest.fixture
def reader() -> Iterator[None]:
    """Somebody who reads ``usage_turn`` in a transaction that does not end."""
    of = connection.settings_dict
    with psycopg.connect(
        dbname=of["NAME"], user=of["USER"], password=of["PASSWORD"] or None, host=of["HOST"], port=of["PORT"]
    ) as other:
        other.execute("SELECT 1 FROM usage_turn")
        yield
        other.rollback()


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@postgres_only
def test_a_change_waits_for_a_table_no_longer_than_it_is_told(reader: None) -> None:
    with (
        waiting_at_most(connection, 0.2),
        pytest.raises(OperationalError) as caught,
        connection.schema_editor() as editor,
    ):
        editor.execute("ALTER TABLE usage_turn ADD COLUMN never integer")
    assert isinstance(caught.value.__cause__, LockNotAvailable)


@postgres_only
@pytest.mark.parametrize("atomic", [True, False])
def test_the_limit_is_there_while_the_schema_changes_and_not_after_that(atomic: bool) -> None:
    usual = setting("lock_timeout"), setting("statement_timeout")
    with waiting_at_most(connection, 0.2):
        with connection.schema_editor(atomic=atomic):
            assert (setting("lock_timeout"), setting("statement_timeout")) == ("200ms", "0")
        assert (setting("lock_timeout"), setting("statement_timeout")) == usual
    with connection.schema_editor():
        assert setting("lock_timeout") == usual[0]


@postgres_only
def test_who_holds_a_table_is_named(reader: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_site.patient_schema.OLD", 0.0)
    (holder,) = holders_of_locks(connection)
    assert "idle in transaction" in holder


@postgres_only
def test_an_index_that_was_cut_off_is_built_again() -> None:
    index = models.Index(fields=["until"], name="usage_turn_made_up")
    operation = AddIndexConcurrently("turn", index)
    before = ProjectState.from_apps(Turn._meta.apps)
    after = before.clone()
    operation.state_forwards("usage", after)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'usage_turn_made_up'::regclass"
    with connection.schema_editor(atomic=False) as editor, connection.cursor() as cursor:
        operation.database_forwards("usage", editor, before, after)
        # as a build that was interrupted leaves it
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'usage_turn_made_up'::regclass"
        )
        operation.database_forwards("usage", editor, before, after)
        cursor.execute(valid)
        assert cursor.fetchone() == (True,)
        operation.database_backwards("usage", editor, after, before)


def test_an_index_is_built_and_taken_away_on_either_database() -> None:
    operation = AddIndexConcurrently("turn", models.Index(fields=["until"], name="usage_turn_made_up"))
    before = ProjectState.from_apps(Turn._meta.apps)
    after = before.clone()
    operation.state_forwards("usage", after)

    def there() -> bool:
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, Turn._meta.db_table)
        return "usage_turn_made_up" in found

    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("usage", editor, before, after)
        assert there()
        operation.database_backwards("usage", editor, after, before)
        assert not there()


def test_the_triggers_are_put_back_in_the_same_transaction() -> None:
    triggers.drop(connection)
    try:
        with connection.schema_editor() as editor:
            state = ProjectState.from_apps(LedgerEntry._meta.apps)
            KeepTriggers().database_forwards("usage", editor, state, state)
            assert triggers.missing(connection) == []
    finally:
        triggers.install(connection)


def test_two_who_migrate_take_turns() -> None:
    waited, order = threading.Event(), []

    def second() -> None:
        try:
            with one_at_a_time(connection, waited.set):
                order.append("second")
        finally:
            connections.close_all()

    thread = threading.Thread(target=second)
    with one_at_a_time(connection, lambda: order.append("nobody was there")):
        thread.start()
        assert waited.wait(LIMIT)
        order.append("first")
    thread.join(LIMIT)
    assert order == ["first", "second"]


@postgres_only
def test_it_tries_again_and_then_says_who_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, pauses = [], []

    def in_use(_self: object, *_args: object, **_options: object) -> None:
        tried.append(1)
        raise OperationalError("canceling statement due to lock timeout") from LockNotAvailable()

    monkeypatch.setattr(migrate.migrate.Command, "handle", in_use)
    monkeypatch.setattr(migrate.time, "sleep", pauses.append)
    with pytest.raises(CommandError, match="in use each of the 4 times") as caught:
        call_command("migrate", tries=4, stderr=StringIO())
    assert caught.value.returncode == 1
    assert (len(tried), pauses) == (4, [1, 2, 4])


@postgres_only
def test_another_error_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fail(_self: object, *_args: object, **_options: object) -> None:
        tried.append(1)
        raise OperationalError("the disk is full")

    monkeypatch.setattr(migrate.migrate.Command, "handle", fail)
    with pytest.raises(OperationalError, match="the disk is full"):
        call_command("migrate")
    assert len(tried) == 1


@pytest.mark.parametrize("wrong", [{"lock_timeout": -1.0}, {"lock_timeout": float("nan")}, {"tries": 0}])
def test_a_limit_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("migrate", **wrong)
    assert caught.value.returncode == 2
