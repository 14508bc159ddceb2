"""What a summary page shows of a period: its sums, how they moved, its chart and parts. Rollups alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.utils.formats import date_format

from accounts.models import ExchangeAccount
from usage.reporting import sums as report_sums
from usage.reporting.filters import Filters
from usage.reporting.periods import Period
from usage.reporting.sums import Part, Sums


@dataclass(frozen=True, slots=True)
class Change:
    """A figure, and what it was in the period before."""

    now: int
    before: int

    @property
    def by(self) -> int:
        return self.now - self.before

    @property
    def kind(self) -> str:
        """``none`` (nothing then and now), ``new`` (nothing then), ``same``, ``up`` or ``down``."""
        if self.now == self.before:
            return "same" if self.now else "none"
        if not self.before:
            return "new"
        return "up" if self.now > self.before else "down"

    @property
    def share(self) -> Decimal | None:
        """The change as a share of what was before: 0.125 is an eighth more; None from nothing."""
        return Decimal(self.by) / abs(self.before) if self.before else None

    @property
    def percent(self) -> str:
        """The size of the change, to a tenth of a per cent; "" from nothing."""
        if self.share is None:
            return ""
        shown = f"{abs(self.share) * 100:,.1f}"
        return f"{'<0.1' if shown == '0.0' else shown}\N{NO-BREAK SPACE}%"

    @property
    def can_be_percent(self) -> bool:
        """Whether a percentage says more than the two figures: not from nothing, not from next to nothing."""
        return self.share is not None and abs(self.share) < 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One period of one account. ``bars``: every step of the chart, those with nothing too."""

    period: Period
    filters: Filters
    total: Sums
    before: Sums
    bars: tuple[tuple[datetime, Sums], ...]
    parts: Mapping[Part, Sums]

    @property
    def changes(self) -> dict[str, Change]:
        """How each figure moved, by the figure's name."""
        names = (
            "consumed_tokens",
            "supplied_tokens",
            "net_tokens",
            "cost_nanos",
            "revenue_nanos",
            "net_nanos",
        )
        return {name: Change(getattr(self.total, name), getattr(self.before, name)) for name in names}

    @property
    def compared_since(self) -> str:
        return _hour(self.period.before[0])

    @property
    def compared_until(self) -> str:
        return _hour(self.period.before[1])

    @property
    def consumed_by_service(self) -> dict[int, int]:
        """Tokens consumed, by the Exchange's number of the service."""
        found: dict[int, int] = {}
        for part, sums in self.parts.items():
            if sums.consumed_tokens:
                found[part.service] = found.get(part.service, 0) + sums.consumed_tokens
        return found


def _hour(at: datetime) -> str:
    return f"{date_format(at.astimezone(UTC).date())} {at.astimezone(UTC):%H:%M}"


def report(account: ExchangeAccount, period: Period, filters: Filters) -> Report:
    """Three queries, however long the period and however many the entries."""
    columns = filters.columns
    found = report_sums.by_start(account, period.since, period.until, period.step, columns)
    return Report(
        period=period,
        filters=filters,
        total=report_sums.add(found.values()),
        before=report_sums.total(report_sums.within(account, *period.before, columns)),
        bars=tuple((start, found.get(start, Sums())) for start in period.starts),
        parts=report_sums.by_part(report_sums.within(account, period.since, period.until, columns)),
    )
