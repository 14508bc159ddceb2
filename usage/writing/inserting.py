"""Rows as the driver takes them, many in a statement: several times as fast as the ORM, with its columns.

What is written within ``at_once`` goes to PostgreSQL together, and is answered together: each wait for an
answer would be one more while everybody else waits for the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from django.db import connection, models

FEW = 4
"""Rows up to which each has a short statement of its own: for more, one that is made to fit them pays."""
Checks = list[Callable[[], None]]


@contextmanager
def at_once() -> Iterator[Checks]:
    """Send the statements within without waiting for the answer of each, where the database can do that.

    An error is raised at the end, as Django's own, whichever statement it is of; what is appended to the list
    is called when all are answered. Call it in a transaction, for statements whose answers nobody needs.
    """
    checks: Checks = []
    if connection.vendor == "postgresql":
        with connection.wrap_database_errors, connection.connection.pipeline():
            yield checks
    else:
        yield checks
    for check in checks:
        check()


def execute_many(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Execute the statement for each of these rows."""
    with connection.cursor() as cursor:
        if len(rows) <= FEW and _is_at_once():
            # the driver's executemany waits for the answers of what was sent before, and then for its own
            for row in rows:
                cursor.execute(statement, row)
        else:
            cursor.executemany(statement, rows)


def _is_at_once() -> bool:
    return connection.vendor == "postgresql" and bool(connection.connection.pgconn.pipeline_status)


def insert(rows: Sequence[models.Model]) -> None:
    """Insert these rows, all of one model, whose keys the database makes or that have theirs already."""
    if rows:
        plan = _plan(type(rows[0]), connection.vendor)
        execute_many(plan.insert, [plan.values(row) for row in rows])


def insert_one(row: models.Model) -> None:
    """Insert this row, and give it the key that the database makes."""
    plan = _plan(type(row), connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(plan.insert_returning_key, plan.values(row))
        (row.pk,) = cursor.fetchone()
    row._state.adding = False


def update(row: models.Model, checks: Checks) -> None:
    """Write every column of a row that is there: ``checks`` of ``at_once`` get one that raises otherwise."""
    plan = _plan(type(row), connection.vendor)
    cursor = connection.cursor()
    # the key last, for it stands in the condition: SQLite would move a row whose key is written
    cursor.execute(plan.update, [*plan.values(row)[plan.keys :], row.pk])
    checks.append(partial(_check_updated, row, cursor))


def _check_updated(row: models.Model, cursor: Any) -> None:
    with cursor:
        if cursor.rowcount != 1:
            raise RuntimeError(f"{type(row).__name__} {row.pk} is not there to be updated.")


@dataclass(frozen=True, slots=True)
class _Plan:
    """A model's statements, and how a row's values are written; None: as they are.

    ``keys`` of the values, the first ones, are its own key: 1 where the database does not make it.
    """

    insert: str
    insert_returning_key: str
    update: str
    keys: int
    attributes: list[str]
    writers: list[Callable[[Any], Any] | None]

    def values(self, row: models.Model) -> list[Any]:
        read = row.__dict__
        return [
            write(read[name]) if write else read[name]
            for name, write in zip(self.attributes, self.writers, strict=True)
        ]


@lru_cache(maxsize=8)
def _plan(model: type[models.Model], _vendor: str) -> _Plan:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    fields.sort(key=lambda field: not field.primary_key)
    keys = sum(field.primary_key for field in fields)
    table, quoted = model._meta.db_table, connection.ops.quote_name
    columns = [quoted(str(field.column)) for field in fields]
    key = quoted(str(model._meta.pk.column))
    # only our own names are in them
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608
    return _Plan(
        insert=insert,
        insert_returning_key=f"{insert} RETURNING {key}",
        update=f"UPDATE {table} SET {', '.join(f'{name} = %s' for name in columns[keys:])} WHERE {key} = %s",  # noqa: S608
        keys=keys,
        attributes=[field.attname for field in fields],
        writers=[_writer(field) for field in fields],
    )


def _writer(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """How the field's values are written; None: as they are, which is most of them and the fast way."""
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    if type(kind) in _AS_THEY_ARE:
        return None
    return lambda value: field.get_db_prep_save(value, connection)


_AS_THEY_ARE = {
    models.BigAutoField,
    models.BigIntegerField,
    models.BooleanField,
    models.CharField,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.TextField,
}
