"""Operations for migrations of large tables, beside which the release before goes on recording."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from usage import triggers


class AddIndexConcurrently(postgres.AddIndexConcurrently):
    """Build an index while others write: on PostgreSQL beside them; SQLite has no such thing, and is quick.

    The migration says ``atomic = False`` and does nothing else. What an attempt that was cut off has left
    there, an index that is never used, is taken away first, so that it can be tried again.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        self._ensure_not_in_transaction(schema_editor)
        with schema_editor.connection.cursor() as cursor:
            # it keeps nobody from writing, and so may wait for those who have read for long
            cursor.execute("SELECT set_config('lock_timeout', '0', false)")
            cursor.execute(
                "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid",
                [schema_editor.quote_name(self.index.name)],
            )
            if cursor.fetchone():
                name = schema_editor.quote_name(self.index.name)
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)


class KeepTriggers(migrations.RunPython):
    """Put the ledger's triggers back in the same transaction: SQLite loses them where it makes a table anew.

    The last operation of a migration that changes the ledger's entries, so that there is no moment without.
    """

    def __init__(self) -> None:
        super().__init__(_put_back, migrations.RunPython.noop, elidable=False)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [], {}

    def describe(self) -> str:
        return "Put the triggers of the ledger back"


def _put_back(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if triggers.missing(schema_editor.connection):
        triggers.install(schema_editor.connection)
