"""Every migration that is newer than the first release's can be made while that release still runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from gateway_site.tests.migration_rules import BASELINE, problems
from usage.migrating import AddIndexConcurrently, KeepTriggers

OURS = {"accounts", "catalog", "usage"}


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def test_the_release_before_survives_every_migration(loader: MigrationLoader) -> None:
    found = {}
    for key in sorted(loader.disk_migrations):
        if key[0] in OURS and key not in BASELINE:
            before = loader.project_state(key, at_end=False)
            if wrong := problems(loader.disk_migrations[key], before):
                found[".".join(key)] = wrong
    assert found == {}


def test_the_baseline_is_there(loader: MigrationLoader) -> None:
    assert set(loader.disk_migrations) >= BASELINE


class Made:
    """Migrations that are made up, of usage, over the models as they are."""

    def __init__(self, loader: MigrationLoader) -> None:
        self.state: ProjectState = loader.project_state()

    def problems(self, *operations: Operation, **said: Any) -> list[str]:
        body = {"operations": list(operations), **said}
        made = type("Migration", (migrations.Migration,), body)("9999_made_up", "usage")
        return problems(made, self.state)


@pytest.fixture
def made(loader: MigrationLoader) -> Made:
    return Made(loader)


NUMBER = models.BigIntegerField
INDEX = models.Index(fields=["seq"], name="made_up")
CHECK = models.CheckConstraint(condition=models.Q(seq__gt=0), name="made_up")

GOOD: dict[str, Sequence[Operation]] = {
    "a column that may be empty": [migrations.AddField("chain", "extra", NUMBER(null=True))],
    "a column that the database fills": [migrations.AddField("chain", "extra", NUMBER(db_default=0))],
    "a column of the ledger": [
        migrations.AddField("ledgerentry", "extra", NUMBER(default=0, db_default=0)),
        KeepTriggers(),
    ],
    "a new table, whatever is in it": [
        migrations.CreateModel("Extra", [("id", models.BigAutoField(primary_key=True)), ("seq", NUMBER())]),
        migrations.AddField("extra", "more", NUMBER(unique=True)),
        migrations.AddIndex("extra", INDEX),
        migrations.AddConstraint("extra", CHECK),
    ],
    "an index that is gone": [migrations.RemoveIndex("delivery", "usage_delivery_by_state")],
    "a small table's index": [migrations.AddIndex("chain", INDEX)],
    "data alone": [migrations.RunPython(migrations.RunPython.noop)],
    "other words": [migrations.AlterModelOptions("chain", {"verbose_name": "chain"})],
    "more room": [migrations.AlterField("ledgerentry", "memo", models.TextField(default="")), KeepTriggers()],
}
BAD: dict[str, tuple[Sequence[Operation], str]] = {
    "a column that is gone": ([migrations.RemoveField("delivery", "error")], "takes away"),
    "a table that is gone": ([migrations.DeleteModel("Turn")], "takes away"),
    "a column of another name": ([migrations.RenameField("delivery", "error", "words")], "names anew"),
    "a table of another name": ([migrations.RenameModel("Turn", "Lease")], "names anew"),
    "another table": ([migrations.AlterModelTable("turn", "lease")], "names anew"),
    "a column that must be filled": ([migrations.AddField("chain", "extra", NUMBER())], "db_default"),
    "a default that only Python knows": (
        [migrations.AddField("chain", "extra", NUMBER(default=0))],
        "db_default",
    ),
    "no NULL any more": (
        [migrations.AlterField("delivery", "status", models.PositiveSmallIntegerField())],
        "writes NULL",
    ),
    "NULL no more than by default": (
        [
            migrations.AlterField(
                "delivery", "next_attempt_at", models.DateTimeField(db_default=models.Value(0))
            )
        ],
        "may write NULL",
    ),
    "another type": ([migrations.AlterField("delivery", "error", NUMBER(default=0))], "another type"),
    "less room": (
        [migrations.AlterField("deliveryattempt", "request_id", models.CharField(max_length=10))],
        "more than has room",
    ),
    "a column that is unique": (
        [migrations.AddField("chain", "extra", NUMBER(null=True, unique=True))],
        "index",
    ),
    "a reference with an index": (
        [
            migrations.AddField(
                "delivery", "extra", models.ForeignKey("usage.Turn", models.PROTECT, null=True)
            )
        ],
        "db_index=False",
    ),
    "an index while all wait": ([migrations.AddIndex("delivery", INDEX)], "AddIndexConcurrently"),
    "an index in a transaction": ([AddIndexConcurrently("delivery", INDEX)], "not atomic"),
    "a constraint": ([migrations.AddConstraint("chain", CHECK)], "may write what it forbids"),
    "SQL": ([migrations.RunSQL("DROP TABLE usage_turn")], "nobody can tell"),
    "hidden": (
        [migrations.SeparateDatabaseAndState([migrations.RemoveField("delivery", "error")])],
        "takes away",
    ),
    "a table changed and filled": (
        [
            migrations.AddField("chain", "extra", NUMBER(null=True)),
            migrations.RunPython(migrations.RunPython.noop),
        ],
        "Make it two",
    ),
    "a ledger without triggers": (
        [migrations.AddField("ledgerentry", "extra", NUMBER(null=True))],
        "KeepTriggers",
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_what_only_adds_is_good(what: str, made: Made) -> None:
    assert made.problems(*GOOD[what]) == []


def test_an_index_beside_those_who_write_is_good(made: Made) -> None:
    assert made.problems(AddIndexConcurrently("delivery", INDEX), atomic=False) == []


@pytest.mark.parametrize("what", BAD)
def test_what_the_release_before_would_not_survive_is_named(what: str, made: Made) -> None:
    operations, why = BAD[what]
    (problem,) = made.problems(*operations)
    assert why in problem


def test_what_nothing_uses_any_more_may_go_when_that_is_said(made: Made) -> None:
    gone = migrations.RemoveField("delivery", "error")
    assert made.problems(gone, after_contract="Not read or written since 1.4, which came a month ago.") == []
    for no_explanation in (True, "", "because"):
        (problem,) = made.problems(gone, after_contract=no_explanation)
        assert "must say why" in problem
