"""Queries whose SQL Django makes once, and which are then asked again and again with other values.

For the few that every request of a busy program asks: making the SQL takes Django longer than the database
takes to answer. What comes back is what the query itself would give: its rows, read by Django's own code.

    live = Prepared(lambda: ApiKey.objects.select_related("user").filter(pk=Slot("key", BigIntegerField())))
    live.first(key=7)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, QuerySet
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row")
PLANS = "prepared_plans"


class Slot(Expression):
    """The place of a value in a prepared query; it is written to the database as ``output_field`` does it."""

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, Any]:
        return "%s", [self]


class Prepared(Generic[Row]):
    """A query with slots. What else it depends on (a setting, the time, a language) stays as it was first."""

    def __init__(self, query: Callable[[], QuerySet[Any, Row]]) -> None:
        self._query = query

    def rows(self, **values: Any) -> list[Row]:
        """Every row for these values, one for each slot."""
        # kept with the connection, which belongs to one thread and one kind of database
        connection = connections[DEFAULT_DB_ALIAS]
        plans: dict[Prepared[Any], _Plan] = vars(connection).setdefault(PLANS, {})
        plan = plans.get(self)
        if plan is None:
            plan = plans[self] = _Plan(self._query(), connection)
        return plan.rows(values)

    def first(self, **values: Any) -> Row | None:
        """The first of them, of a query that finds one at the most."""
        return next(iter(self.rows(**values)), None)


class _Plan:
    """A query that knows its SQL: its compiler is kept, and makes none again."""

    def __init__(self, queryset: QuerySet[Any, Any], connection: BaseDatabaseWrapper) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        sql, self._params = compiler.as_sql()
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        compiler.as_sql = lambda *_, **__: (sql, self._values)
        compiler.get_converters = lambda _: converters
        queryset.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]
        self._queryset, self._connection = queryset, connection
        self._values: tuple[Any, ...] = ()

    def rows(self, values: dict[str, Any]) -> list[Any]:
        self._values = tuple(
            one.output_field.get_db_prep_value(values[one.name], self._connection)
            if isinstance(one, Slot)
            else one
            for one in self._params
        )
        rows = self._queryset._iterable_class(self._queryset)  # noqa: SLF001 - as the query itself does
        return list(cast("Iterable[Any]", rows))
