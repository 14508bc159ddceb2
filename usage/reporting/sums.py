"""Sums of a stretch of time, from the rollups alone: days for its whole UTC days, hours for what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Sum

from accounts.models import ExchangeAccount
from usage.models import UsageRollup
from usage.models.rollup import Grain
from usage.reporting.periods import DAY, Step, start_of

RESOLUTION = timedelta(microseconds=1)


class Sums(NamedTuple):
    """Tokens, nano-dollars and entries, net of reversals (which count as entries)."""

    consumed_tokens: int = 0
    supplied_tokens: int = 0
    cost_nanos: int = 0
    revenue_nanos: int = 0
    consumed_entries: int = 0
    supplied_entries: int = 0
    unpriced_tokens: int = 0
    """Tokens whose price is not known: they are in no cost and in no revenue."""

    @property
    def net_tokens(self) -> int:
        """Supplied minus consumed."""
        return self.supplied_tokens - self.consumed_tokens

    @property
    def net_nanos(self) -> int:
        """Cost less revenue."""
        return self.cost_nanos - self.revenue_nanos

    @property
    def tokens(self) -> int:
        return self.consumed_tokens + self.supplied_tokens

    @property
    def entries(self) -> int:
        return self.consumed_entries + self.supplied_entries

    def of(self, direction: str) -> Sums:
        """What of it was consumed alone, or supplied."""
        if direction == "consume":
            return self._replace(supplied_tokens=0, revenue_nanos=0, supplied_entries=0)
        return self._replace(consumed_tokens=0, cost_nanos=0, consumed_entries=0)


class Part(NamedTuple):
    """What a breakdown tells apart; 0 and "" stand for unknown or none."""

    service: int
    provider: int
    family: str
    key: int


_FIGURES = {
    "tokens": Sum(F("prompt_tokens") + F("completion_tokens")),
    "nanos": Sum("cost_nanos"),
    "count": Sum("entries"),
    "unpriced": Sum("unpriced_tokens"),
}


Stretch = tuple[QuerySet[UsageRollup], ...]
"""Rollups that make up a stretch of time together."""


def within(
    account: ExchangeAccount, since: datetime, until: datetime, columns: Mapping[str, str | int] | None = None
) -> Stretch:
    """The rollups that make up this stretch, each hour once. Both ends are full UTC hours."""
    first_midnight, last_midnight = start_of(since + DAY - RESOLUTION, "day"), start_of(until, "day")
    if first_midnight >= last_midnight:
        pieces = [(Grain.HOUR, since, until)]
    else:
        pieces = [
            (Grain.HOUR, since, first_midnight),
            (Grain.DAY, first_midnight, last_midnight),
            (Grain.HOUR, last_midnight, until),
        ]
    return tuple(
        UsageRollup.objects.filter(
            account=account, grain=grain, starts_at__gte=first, starts_at__lt=last, **(columns or {})
        )
        for grain, first, last in pieces
        if first < last
    )


def total(stretch: Stretch) -> Sums:
    """All of it in one sum."""
    return add(_sums(*row) for row in _summed(stretch, "direction"))


def by_start(
    account: ExchangeAccount,
    since: datetime,
    until: datetime,
    step: Step,
    columns: Mapping[str, str | int] | None = None,
) -> dict[datetime, Sums]:
    """The sums by the beginning of each hour, day or week in which there is anything."""
    grain = Grain.HOUR if step == "hour" else Grain.DAY
    rows = UsageRollup.objects.filter(
        account=account, grain=grain, starts_at__gte=since, starts_at__lt=until, **(columns or {})
    )
    found: dict[datetime, Sums] = {}
    for starts_at, *row in rows.values_list("starts_at", "direction").annotate(**_FIGURES):
        start = start_of(starts_at, step)
        found[start] = add((found.get(start, Sums()), _sums(*row)))
    return found


def by_part(stretch: Stretch) -> dict[Part, Sums]:
    """The sums by service, provider, model family and API key together."""
    found: dict[Part, Sums] = {}
    names = ("service_id", "provider_id", "model_family", "key_id")
    for service, provider, family, key, *row in _summed(stretch, *names, "direction"):
        part = Part(service, provider, family, key)
        found[part] = add((found.get(part, Sums()), _sums(*row)))
    return found


def add(sums: Iterable[Sums]) -> Sums:
    """Several sums in one."""
    return Sums(*map(sum, zip(Sums(), *sums, strict=True)))


def _summed(stretch: Stretch, *names: str) -> Iterable[Any]:
    # one query, and for each piece the index: of an OR of pieces SQLite reads all that the account has
    pieces = [rows.order_by().values_list(*names).annotate(**_FIGURES) for rows in stretch]
    return pieces[0].union(*pieces[1:], all=True) if pieces else ()


def _sums(direction: str, tokens: int, nanos: int, count: int, unpriced: int) -> Sums:
    # PostgreSQL's sum of big integers is a decimal
    tokens, nanos, count, unpriced = int(tokens), int(nanos), int(count), int(unpriced)
    if direction == "consume":
        return Sums(
            consumed_tokens=tokens, cost_nanos=nanos, consumed_entries=count, unpriced_tokens=unpriced
        )
    return Sums(supplied_tokens=tokens, revenue_nanos=nanos, supplied_entries=count, unpriced_tokens=unpriced)
