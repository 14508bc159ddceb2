"""A key's budget: how much it may spend in which stretch of UTC time, and what it has spent of it.

What is spent is told by a callable that ``usage`` registers: accounts knows no ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from accounts.models import ApiKey
from accounts.models.api_key import BudgetPeriod, BudgetUnit

DAY = timedelta(days=1)
NANOS = 10**9


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time from ``starts_at`` up to ``ends_at`` without it; None: without a beginning or end."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most ``limit`` in each period; ``soft_limit``, if any, is less. Tokens, or nano-dollars."""

    unit: BudgetUnit
    period: BudgetPeriod
    limit: int
    soft_limit: int | None = None

    def amount(self, figure: int) -> int | Decimal:
        """A figure of it as people write it: tokens, or US dollars."""
        return figure if self.unit == BudgetUnit.TOKENS else Decimal(figure).scaleb(-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a key's entries consumed in a window, net of reversals.

    ``unpriced_tokens`` are in ``tokens``, and in no ``nanos``: their price is not known.
    """

    tokens: int = 0
    nanos: int = 0
    unpriced_tokens: int = 0
    entries: int = 0

    def of(self, unit: str) -> int:
        return self.tokens if unit == BudgetUnit.TOKENS else self.nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a key stands at a moment: its window, what it spent in it, and its budget, if it has one."""

    window: Window
    spent: Spent
    budget: Budget | None = None

    @property
    def figure(self) -> int:
        """What counts against the budget, in its unit; tokens without one."""
        return self.spent.of(self.budget.unit if self.budget else BudgetUnit.TOKENS)

    @property
    def left(self) -> int | None:
        return None if self.budget is None else max(self.budget.limit - self.figure, 0)

    @property
    def allowed(self) -> bool:
        """Whether anything may still be spent."""
        return self.budget is None or self.figure < self.budget.limit

    @property
    def percent(self) -> int:
        """Spent of the budget in whole per cent, downwards: 100 is reached when it is."""
        return 0 if self.budget is None else max(self.figure, 0) * 100 // self.budget.limit

    @property
    def is_soft(self) -> bool:
        """Whether the soft limit is reached, or the whole."""
        soft = self.budget.soft_limit if self.budget else None
        return not self.allowed or (soft is not None and self.figure >= soft)


Spending = Callable[[Mapping[int, Window]], Mapping[int, Spent]]
"""From keys' numbers and a window for each, what they spent; a key that spent nothing may be left out."""
_spending: list[Spending] = []


def register(spending: Spending) -> None:
    """Let this callable tell what keys have spent, in place of the one before."""
    _spending[:] = [spending]


def budget_of(key: ApiKey) -> Budget | None:
    """The key's budget; None for a key without one."""
    if key.budget_limit is None:
        return None
    return Budget(
        unit=BudgetUnit(key.budget_unit),
        period=BudgetPeriod(key.budget_period),
        limit=key.budget_limit,
        soft_limit=key.soft_limit,
    )


def window_of(period: str, moment: datetime) -> Window:
    """The UTC day, week (from Monday) or month in which the moment lies; all time for a total."""
    if period == BudgetPeriod.TOTAL:
        return Window()
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == BudgetPeriod.DAY:
        return Window(midnight, midnight + DAY)
    if period == BudgetPeriod.WEEK:
        monday = midnight - DAY * midnight.weekday()
        return Window(monday, monday + 7 * DAY)
    first = midnight.replace(day=1)
    return Window(first, (first + 31 * DAY).replace(day=1))


def standings(keys: Iterable[ApiKey], now: datetime) -> dict[int, Standing]:
    """How these keys stand, by number. A key without a budget is looked at over its UTC month."""
    budgets = {key.pk: budget_of(key) for key in keys}
    windows = {
        pk: window_of(budget.period if budget else BudgetPeriod.MONTH, now) for pk, budget in budgets.items()
    }
    spent = _spending[0](windows) if _spending and windows else {}
    return {
        pk: Standing(window=windows[pk], spent=spent.get(pk, Spent()), budget=budget)
        for pk, budget in budgets.items()
    }


def standing_of(key: ApiKey, now: datetime) -> Standing:
    """How this key stands."""
    return standings([key], now)[key.pk]
