"""Many new rows in one statement of the driver, several times as fast as the ORM, with its own columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Insert these rows, all of one model, whose keys the database makes or that have theirs already."""
    if not rows:
        return
    statement, names, writers = _plan(type(rows[0]), connection.vendor)
    values = [
        [write(value) if write else value for value, write in zip(names(row), writers, strict=True)]
        for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


@lru_cache(maxsize=8)
def _plan(
    model: type[models.Model], _vendor: str
) -> tuple[str, Callable[[models.Model], list[Any]], list[Callable[[Any], Any] | None]]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    attributes = [field.attname for field in fields]
    statement = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places})"  # noqa: S608 - our own names
    return (
        statement,
        lambda row: [getattr(row, name) for name in attributes],
        [_writer(field) for field in fields],
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
