from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

from accounts.models import ExchangeAccount
from accounts.tests.helpers import refused
from usage import triggers
from usage.factories import make_entries, make_entry
from usage.models import LedgerEntry
from usage.tests.books import entries_of

pytestmark = pytest.mark.django_db
TABLE = triggers.TABLE
sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own way of writing")


@pytest.fixture
def book(account: ExchangeAccount) -> ExchangeAccount:
    make_entries(account, 3)
    return account


def test_they_are_there_after_all_migrations() -> None:
    assert triggers.missing(connection) == []


COLUMNS = ", ".join(field.column for field in LedgerEntry._meta.concrete_fields)
COPY = f"SELECT {COLUMNS} FROM {TABLE} WHERE seq = 2"  # noqa: S608 - our own names
OVER = {
    "update": f"UPDATE {TABLE} SET memo = 'never said' WHERE seq = 2",  # noqa: S608
    "update of nothing": f"UPDATE {TABLE} SET memo = memo",  # noqa: S608
    "delete": f"DELETE FROM {TABLE} WHERE seq = 2",  # noqa: S608
    "delete of all": f"DELETE FROM {TABLE}",  # noqa: S608
    "conflict by number": (
        f"INSERT INTO {TABLE} ({COLUMNS}) {COPY} "
        "ON CONFLICT (account_id, seq) DO UPDATE SET memo = 'never said'"
    ),
    "conflict by key": (
        f"INSERT INTO {TABLE} ({COLUMNS}) {COPY} ON CONFLICT (id) DO UPDATE SET memo = 'never said'"
    ),
    "conflict by hash": (
        f"INSERT INTO {TABLE} ({COLUMNS}) {COPY} ON CONFLICT (hash) DO UPDATE SET memo = 'never said'"
    ),
}


@pytest.mark.parametrize("how", OVER)
def test_what_is_recorded_cannot_be_changed(how: str, book: ExchangeAccount) -> None:
    before = [entry.memo for entry in entries_of(book)]
    statement = OVER[how]
    if connection.vendor == "sqlite" and "ON CONFLICT" in statement:
        statement = statement.replace(COPY, f"{COPY} AND true")  # or its parser takes ON for a join's
    assert triggers.REFUSED in refused(statement)
    assert [entry.memo for entry in entries_of(book)] == before


@sqlite_only
@pytest.mark.parametrize(
    "way", ["REPLACE INTO", "INSERT OR REPLACE INTO", "UPDATE OR REPLACE", "INSERT OR IGNORE INTO"]
)
@pytest.mark.parametrize("alike", ["id", "account_id, seq", "account_id, entry_id", "hash"])
def test_sqlite_replaces_no_row(way: str, alike: str, book: ExchangeAccount) -> None:
    if way.startswith("UPDATE"):
        statement = f"{way} {TABLE} SET seq = 3 WHERE seq = 2"
    else:
        own = {
            "id": "id + 100",
            "seq": "seq + 100",
            "entry_id": "'" + "0" * 32 + "'",
            "hash": "'" + "e" * 64 + "'",
        }
        same = alike.split(", ")
        chosen = COLUMNS.split(", ")
        values = ", ".join(name if name in same or name not in own else own[name] for name in chosen)
        statement = f"{way} {TABLE} ({COLUMNS}) SELECT {values} FROM {TABLE} WHERE seq = 2"  # noqa: S608
    before = entries_of(book)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        assert cursor.fetchone() == (0,), "as it is by default: REPLACE then asks no trigger on DELETE"
    assert triggers.REFUSED in refused(statement)
    assert entries_of(book) == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("more", ["", " CASCADE"])
def test_postgres_truncates_nothing(more: str, book: ExchangeAccount) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    said = refused(f"TRUNCATE {TABLE}{more}")
    assert triggers.REFUSED in said or "foreign key" in said
    assert len(entries_of(book)) == 3


@pytest.mark.parametrize(
    "change", [{"reverses_seq": 9}, {"prompt_tokens": 1}, {"service_id": 2}, {"direction": "supply"}]
)
def test_a_reversal_repeats_an_entry_of_its_own_chain(
    change: dict[str, object], book: ExchangeAccount
) -> None:
    entry = make_entry(account=book)
    entry.pk, entry.seq, entry.hash, entry.reverses_seq = None, 5, "e" * 64, 4
    entry.entry_id = entry.entry_id.__class__(int=7)
    for name, value in change.items():
        setattr(entry, name, value)
    with pytest.raises(DatabaseError, match=r"reversal|reverses"), transaction.atomic():
        entry.save(force_insert=True)
    assert len(entries_of(book)) == 4


def test_one_that_is_off_or_another_is_missing() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER usage_ledger_no_delete")
        else:
            cursor.execute("DROP TRIGGER usage_ledger_no_delete")
            cursor.execute(
                f"CREATE TRIGGER usage_ledger_no_delete BEFORE DELETE ON {TABLE} BEGIN SELECT 1; END"
            )
    assert triggers.missing(connection) == ["usage_ledger_no_delete"]
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's triggers have no functions")
def test_a_function_that_lets_through_is_found() -> None:
    """The trigger is there and on, and what it calls refuses nothing any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION usage_ledger_refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN NEW; END $$"
        )
    assert triggers.missing(connection) == ["usage_ledger_refuse"]
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's triggers have no functions")
def test_a_trigger_with_another_condition_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER usage_ledger_no_update ON {TABLE}")
        cursor.execute(
            f"CREATE TRIGGER usage_ledger_no_update BEFORE UPDATE ON {TABLE} FOR EACH ROW "
            "WHEN (OLD.seq > 1000) EXECUTE FUNCTION usage_ledger_refuse()"
        )
    assert triggers.missing(connection) == ["usage_ledger_no_update"]


def test_lifted_ones_are_put_back_whatever_happens(book: ExchangeAccount) -> None:
    with pytest.raises(ZeroDivisionError), triggers.lifted(connection):
        raise ZeroDivisionError
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_they_are_there_after_a_migration_that_makes_the_table_anew() -> None:
    """SQLite changes a column by making another table, and drops the old one's triggers with it."""
    old = LedgerEntry._meta.get_field("memo")
    new = models.TextField(blank=True, default="", null=True)
    new.set_attributes_from_name("memo")
    new.model = LedgerEntry
    try:
        with connection.schema_editor() as editor:
            editor.alter_field(LedgerEntry, old, new)  # type: ignore[arg-type]
        if connection.vendor == "sqlite":
            assert triggers.missing(connection), "or this test says nothing"
    finally:
        with connection.schema_editor() as editor:
            editor.alter_field(LedgerEntry, new, old)  # type: ignore[arg-type]
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []
    book = make_entry().account
    assert triggers.REFUSED in refused(f"DELETE FROM {TABLE}")  # noqa: S608
    assert len(entries_of(book)) == 1
