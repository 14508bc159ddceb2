"""What makes the ledger append-only, whoever writes: triggers in the database itself.

Refused: UPDATE, DELETE, TRUNCATE, inserting over a row, and a reversal that is none. SQLite loses triggers
when a migration makes a table anew: ``post_migrate`` puts them back, and verify_ledger looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from usage.models import LedgerEntry

TABLE = LedgerEntry._meta.db_table
REFUSED = "the ledger is append-only"
NO_REVERSAL = "a reversal repeats an entry of its own chain"

# what a reversal must share with its entry; the constraint on the pair sees that there is only one
_REVERSED = f"""
    SELECT 1 FROM {TABLE} AS was
    WHERE was.account_id = NEW.account_id AND was.seq = NEW.reverses_seq AND was.reverses_seq IS NULL
    AND was.service_id = NEW.service_id AND was.direction = NEW.direction
    AND was.prompt_tokens = NEW.prompt_tokens AND was.completion_tokens = NEW.completion_tokens
"""  # noqa: S608 - a name of our own

# REPLACE takes a row away without asking the trigger on DELETE
_THERE = f"""
    SELECT 1 FROM {TABLE} WHERE id = NEW.id
    UNION ALL SELECT 1 FROM {TABLE} WHERE account_id = NEW.account_id AND seq = NEW.seq
    UNION ALL SELECT 1 FROM {TABLE} WHERE account_id = NEW.account_id AND entry_id = NEW.entry_id
    UNION ALL SELECT 1 FROM {TABLE} WHERE hash = NEW.hash
"""  # noqa: S608

_SQLITE = {
    "usage_ledger_no_update": f"BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    "usage_ledger_no_delete": f"BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    "usage_ledger_no_replace": (
        f"BEFORE INSERT ON {TABLE} WHEN EXISTS ({_THERE}) BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    ),
    "usage_ledger_reversal": (
        f"BEFORE INSERT ON {TABLE} WHEN NEW.reverses_seq IS NOT NULL AND NOT EXISTS ({_REVERSED}) "
        f"BEGIN SELECT RAISE(ABORT, '{NO_REVERSAL}'); END"
    ),
}

_POSTGRES_FUNCTIONS = {
    "usage_ledger_refuse": (
        f"BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END"
    ),
    "usage_ledger_check_reversal": f"""BEGIN
        IF NOT EXISTS ({_REVERSED}) THEN
            RAISE EXCEPTION '{NO_REVERSAL}' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END""",
}
_POSTGRES = {
    "usage_ledger_no_update": f"BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION usage_ledger_refuse()",
    "usage_ledger_no_delete": f"BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION usage_ledger_refuse()",
    "usage_ledger_no_truncate": (
        f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION usage_ledger_refuse()"
    ),
    "usage_ledger_reversal": (
        f"BEFORE INSERT ON {TABLE} FOR EACH ROW WHEN (NEW.reverses_seq IS NOT NULL) "
        "EXECUTE FUNCTION usage_ledger_check_reversal()"
    ),
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger where it belongs, as it is written here."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for name, body in _POSTGRES_FUNCTIONS.items():
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
                )
        drop(connection)
        for name, body in _triggers(connection).items():
            cursor.execute(f"CREATE TRIGGER {name} {body}")


def drop(connection: BaseDatabaseWrapper) -> None:
    """Take every trigger away: for a migration that must, and for tests."""
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in _triggers(connection):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that are not there, not switched on, or not as they are written here."""
    with connection.cursor() as cursor:
        found = dict(_found(cursor, connection.vendor))
    wanted = {name: f"CREATE TRIGGER {name} {body}" for name, body in _triggers(connection).items()}
    if connection.vendor == "postgresql":
        wanted |= _POSTGRES_FUNCTIONS
    return [name for name, sql in wanted.items() if _plain(found.get(name)) != _plain(sql)]


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the triggers inside the block: for tests that must empty or tamper with the table."""
    drop(connection)
    try:
        yield
    finally:
        install(connection)


def reinstall(*, using: str, **_kwargs: Any) -> None:
    """After migrations have run: receives ``post_migrate``."""
    from django.db import connections

    connection = connections[using]
    if TABLE in connection.introspection.table_names() and missing(connection):
        install(connection)


def _triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _POSTGRES if connection.vendor == "postgresql" else _SQLITE


def _found(cursor: Any, vendor: str) -> list[tuple[str, str]]:
    if vendor == "postgresql":
        # O: fires in ordinary sessions; one that is disabled does not count
        cursor.execute(
            "SELECT tgname, pg_get_triggerdef(oid, true) FROM pg_trigger "
            "WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal AND tgenabled IN ('O', 'A') "
            "UNION ALL SELECT DISTINCT proname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal",
            [TABLE, TABLE],
        )
    else:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE]
        )
    return list(cursor.fetchall())


def _plain(sql: str | None) -> str:
    """Without what a database adds or changes as it keeps it: case, space and brackets."""
    return re.sub(r"[\s()]", "", sql or "").lower()
