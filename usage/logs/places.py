"""Where a page of the logs begins: a place in an order, never a number of pages.

The order is (occurred_at, seq); for a search in memos it is the order of recording.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import BooleanField, F, Func, Value
from django.db.models.expressions import BaseExpression

from exchange.fields import INT64_MAX
from usage.canonical import moment
from usage.models import LedgerEntry

_PLACE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)\.(\d{1,19})", re.ASCII)
_KEY = re.compile(r"\d{1,18}", re.ASCII)
FIRST_MOMENT = datetime(1, 1, 2, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An entry's place in the order of time. Between two entries of one instant, the number decides."""

    occurred_at: datetime
    seq: int

    def __str__(self) -> str:
        return f"{moment(self.occurred_at)}.{self.seq}"


PAGE_SIZE = 50
MOST_LOOKED_AT = 10_000
"""Entries that one page looks at, where a filter has to be looked for beside another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How much is asked for: entries on a page, and how many may be looked at for it."""

    size: int = PAGE_SIZE
    looked_at: int = MOST_LOOKED_AT


PAGE = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What was met on the way from a place on, in the order of the way.

    ``ahead``: where it goes on, as an address names it; "" at its end. ``searched_to``: the page is not full,
    because so much was looked through already: up to this moment.
    """

    entries: list[LedgerEntry]
    ahead: str = ""
    searched_to: datetime | None = None


FIRST, LAST = Place(FIRST_MOMENT, 0), Place(LAST_MOMENT, INT64_MAX)


def read_place(text: str) -> Place | None:
    """The place that an address names; None for what is none."""
    found = _PLACE.fullmatch(text)
    if not found:
        return None
    try:
        place = Place(datetime.fromisoformat(found[1]), int(found[2]))
    except ValueError:
        return None
    return place if FIRST <= place <= LAST and place.seq <= INT64_MAX else None


def read_key(text: str) -> int | None:
    """The place of a search in memos that an address names; None for what is none."""
    return int(text) if _KEY.fullmatch(text) else None


class Compared(Func):
    """Several columns against as many values as one: an index serves that from its first row to its last."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, sign: str, *expressions: Any) -> None:
        super().__init__(*expressions)
        self.sign = sign

    def as_sql(self, compiler: Any, connection: Any, *_given: Any, **_extra: Any) -> Any:
        parts = [compiler.compile(expression) for expression in self.source_expressions]
        half = len(parts) // 2
        left, right = (", ".join(sql for sql, _params in side) for side in (parts[:half], parts[half:]))
        # only what Django itself has written is in it
        return f"({left}) {self.sign} ({right})", [value for _sql, values in parts for value in values]


def compared(columns: Sequence[str], sign: str, values: Sequence[Any]) -> Compared:
    """``(a, b) < (x, y)`` for one of the signs <, <=, > and >=."""
    right: list[BaseExpression] = [Value(value) for value in values]
    return Compared(sign, *(F(column) for column in columns), *right)
