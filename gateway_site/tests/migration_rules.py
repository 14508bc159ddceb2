"""What a migration may do while the release before it still runs, and records.

Both releases are at work over the new schema for a while, on either side of ``migrate``. So a migration only
adds (expand); what the release before still uses is taken away by a later release (contract), whose migration
says so: ``after_contract = "why nothing uses it any more"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from usage.migrating import AddIndexConcurrently, KeepTriggers

BASELINE = {
    *(
        ("accounts", name)
        for name in ("0001_initial", "0002_api_keys", "0003_keys_and_budgets", "0004_language")
    ),
    ("catalog", "0001_initial"),
    *(
        ("usage", name)
        for name in (
            "0001_initial",
            "0002_ledger",
            "0003_triggers",
            "0004_delivery_holds",
            "0005_memo_index",
            "0006_opening_balance",
            "0007_evidence",
            "0008_admin_indexes",
            "0009_keys_and_budgets",
            "0010_fill_key_days",
            "0011_quarantine",
        )
    ),
}
"""What was there before anybody ran it for others."""
LARGE = {
    ("usage", name)
    for name in ("ledgerentry", "delivery", "deliveryattempt", "usagerollup", "overbudget", "quarantinedrow")
}
"""Tables that grow with what is recorded: building an index on them takes minutes."""
LONG_ENOUGH = 20
"""Characters of an explanation."""
GONE = (
    migrations.RemoveField,
    migrations.DeleteModel,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
    migrations.AlterUniqueTogether,
)


def problems(migration: migrations.Migration, before: ProjectState) -> list[str]:
    """What the release before would not survive, or stop for; ``before`` is the state until then."""
    explained = getattr(migration, "after_contract", None)
    if explained is not None:
        is_one = isinstance(explained, str) and len(explained.strip()) >= LONG_ENOUGH
        return [] if is_one else ["after_contract must say why nothing uses it any more."]
    state, made, found = before.clone(), set(), []
    operations = list(_flat(migration.operations))
    for operation in operations:
        label = migration.app_label
        if isinstance(operation, migrations.CreateModel):
            made.add((label, operation.name_lower))
        elif (label, _model_of(operation)) not in made:
            found += [f"{operation.describe()}: {why}" for why in _judged(operation, label, state)]
        operation.state_forwards(label, state)
    # what it does to a table that it makes itself is nobody else's business
    others = [one for one in operations if (migration.app_label, _model_of(one)) not in made]
    return [*found, *_of_the_whole(migration, others)]


def _judged(operation: Operation, label: str, state: ProjectState) -> Iterator[str]:
    table = (label, _model_of(operation))
    if isinstance(operation, GONE):
        yield "the release before still uses what it takes away or names anew."
    elif isinstance(operation, migrations.AddField):
        yield from _added(operation.field, table)
    elif isinstance(operation, migrations.AlterField):
        yield from _altered(state.models[table].fields[operation.name], operation.field)
    elif isinstance(operation, migrations.AddIndex) and table in LARGE:
        if not isinstance(operation, AddIndexConcurrently):
            yield "the table is large: use usage.migrating.AddIndexConcurrently."
    elif isinstance(operation, AddConstraintNotValid | ValidateConstraint | migrations.AddConstraint):
        yield "the release before may write what it forbids."
    elif isinstance(operation, migrations.RunSQL):
        yield "nobody can tell what it does to the release before."


def _added(field: models.Field[Any, Any], table: tuple[str, str]) -> Iterator[str]:
    if field.many_to_many:
        return
    if not field.null and not field.has_db_default():
        yield "the release before writes rows without it: it needs null=True or a db_default."
    if field.unique or (table in LARGE and field.db_index):
        yield "it makes an index while everybody waits: db_index=False, and an index of its own after that."


def _altered(was: models.Field[Any, Any], now: models.Field[Any, Any]) -> Iterator[str]:
    if was.null and not now.null and not now.has_db_default():
        yield "the release before writes NULL there."
    elif was.null and not now.null:
        yield "the release before may write NULL there: fill it first, and forbid it in a later release."
    if (now.unique and not was.unique) or (now.db_index and not was.db_index):
        yield "it makes an index while everybody waits."
    if was.has_db_default() and not now.has_db_default() and not now.null:
        yield "the release before leaves it to the database."
    if was.get_internal_type() != now.get_internal_type():
        yield "another type makes the whole table anew, and the release before reads it as it was."
    if (was.max_length or 0) > (now.max_length or was.max_length or 0):
        yield "the release before may write more than has room."


def _of_the_whole(migration: migrations.Migration, operations: list[Operation]) -> Iterator[str]:
    schema = [one for one in operations if not isinstance(one, migrations.RunPython)]
    filling = [
        one
        for one in operations
        if isinstance(one, migrations.RunPython) and not isinstance(one, KeepTriggers)
    ]
    if schema and filling:
        yield "It changes tables and fills them in one transaction: everybody waits meanwhile. Make it two."
    if any(isinstance(one, AddIndexConcurrently) for one in operations) and (
        migration.atomic or len(operations) > 1
    ):
        yield "AddIndexConcurrently stands alone, in a migration that is not atomic."
    remakes = (
        migrations.AddField,
        migrations.AlterField,
        migrations.AddConstraint,
        migrations.RemoveConstraint,
        migrations.AlterUniqueTogether,
    )
    touches = any(isinstance(one, remakes) and _model_of(one) == "ledgerentry" for one in operations)
    if touches and not isinstance(operations[-1], KeepTriggers):
        yield "SQLite loses the ledger's triggers: end with usage.migrating.KeepTriggers."


def _flat(operations: Iterable[Operation]) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        else:
            yield operation


def _model_of(operation: Operation) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None)
    return str(name or "").lower()
