"""Tables that are only added to, whoever writes: triggers in the database itself, installed and looked at.

SQLite loses triggers when a migration makes a table anew: ``reinstall``, after migrations, puts them back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


# no slots: a signal keeps a weak reference to the receiver
@dataclass(frozen=True, eq=False, kw_only=True)
class Triggers:
    """The triggers of one table: by name, what follows ``CREATE TRIGGER name`` in each database's SQL.

    ``functions``: by name, the bodies of the PL/pgSQL functions that PostgreSQL's triggers call.
    """

    table: str
    sqlite: Mapping[str, str]
    postgres: Mapping[str, str]
    functions: Mapping[str, str] = field(default_factory=dict)

    def install(self, connection: BaseDatabaseWrapper) -> None:
        """Put every trigger where it belongs, as it is written."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                for name, body in self.functions.items():
                    made = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
                    cursor.execute(f"{made} AS $$ {body} $$")
            self.drop(connection)
            for name, body in self.of(connection).items():
                cursor.execute(f"CREATE TRIGGER {name} {body}")

    def drop(self, connection: BaseDatabaseWrapper) -> None:
        """Take every trigger away: for a migration that must, and for tests."""
        on_table = f" ON {self.table}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            for name in self.of(connection):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")

    def missing(self, connection: BaseDatabaseWrapper) -> list[str]:
        """The triggers that are not there, not switched on, or not as they are written."""
        with connection.cursor() as cursor:
            found = dict(self._found(cursor, connection.vendor))
        wanted = {name: f"CREATE TRIGGER {name} {body}" for name, body in self.of(connection).items()}
        if connection.vendor == "postgresql":
            wanted |= self.functions
        return [name for name, sql in wanted.items() if _plain(found.get(name)) != _plain(sql)]

    @contextmanager
    def lifted(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """Without the triggers inside the block: for tests that must empty or tamper with the table."""
        self.drop(connection)
        try:
            yield
        finally:
            self.install(connection)

    def reinstall(self, *, using: str, **_kwargs: Any) -> None:
        """After migrations have run: receives ``post_migrate``."""
        from django.db import connections

        connection = connections[using]
        if self.table in connection.introspection.table_names() and self.missing(connection):
            self.install(connection)

    def of(self, connection: BaseDatabaseWrapper) -> Mapping[str, str]:
        """What this database's triggers are."""
        return self.postgres if connection.vendor == "postgresql" else self.sqlite

    def _found(self, cursor: Any, vendor: str) -> list[tuple[str, str]]:
        if vendor == "postgresql":
            # O: fires in ordinary sessions; one that is disabled does not count
            cursor.execute(
                "SELECT tgname, pg_get_triggerdef(oid, true) FROM pg_trigger "
                "WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal AND tgenabled IN ('O', 'A') "
                "UNION ALL SELECT DISTINCT proname, prosrc "
                "FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
                "WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal",
                [self.table, self.table],
            )
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [self.table]
            )
        return list(cursor.fetchall())


def _plain(sql: str | None) -> str:
    """Without what a database adds or changes as it keeps it: case, space and brackets."""
    return re.sub(r"[\s()]", "", sql or "").lower()
