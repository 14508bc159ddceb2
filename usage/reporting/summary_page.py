"""What the page of the summary shows around its report: periods, filters to take off, breakdowns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import ExchangeAccount
from usage.models.entry import Direction
from usage.reporting import groups as report_groups
from usage.reporting.charts import chart_of
from usage.reporting.filters import Filters
from usage.reporting.groups import KINDS, By, Group, Row
from usage.reporting.lock_in_panel import panel_of
from usage.reporting.periods import EARLIEST, Period, month_after
from usage.reporting.reports import Report, report
from usage.summary import chain_of

COLUMNS: tuple[tuple[By, ...], ...] = (("service", "family", "direction"), ("provider", "key"))
"""Which breakdowns stand one below the other where two fit side by side."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A link of which one is current."""

    title: str
    url: str
    is_current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A breakdown as the page shows it, with the address of all its rows."""

    title: str
    head: str
    group: Group
    rows: tuple[tuple[Row, str, str], ...]
    """Each with the address of its entries and of the summary of it alone; "" where it is unknown."""
    whole_url: str


def context_of(
    account: ExchangeAccount, period: Period, filters: Filters, now: datetime, whole: str
) -> dict[str, Any]:
    """Everything beneath the head of the page."""
    found = report(account, period, filters)
    groups = report_groups.groups_of(account, found, whole)
    is_empty = not found.total.entries
    return {
        "period": period,
        "period_words": words_of(period),
        "report": found,
        "changes": found.changes,
        "is_empty": is_empty,
        "never": is_empty and not filters.chosen and not chain_of(account).seq,
        "chart": chart_of(period, found.bars, now, filters.chosen),
        "tables": [
            [_table(found, groups[by]) for by in column if groups[by].count and not is_empty]
            for column in COLUMNS
        ],
        "panel": panel_of(account, found.consumed_by_service),
        "picked": _picked(account, filters, groups, period),
        "logs_url": report_groups.logs_url(found),
        **frame_of(filters, period, now),
    }


def frame_of(filters: Filters, period: Period | None, now: datetime) -> dict[str, Any]:
    """The periods and directions to choose from."""
    titles = {
        "24h": _("24 hours"),
        "7d": _("7 days"),
        "30d": _("30 days"),
        "90d": _("90 days"),
        "month": _("Month"),
    }
    current = period.name if period else ""
    around = _months_around(period, filters, now) if period and period.name == "month" else {}
    return {
        "choices": [
            Choice(title, url_of({"period": name}, filters.chosen), name == current)
            for name, title in titles.items()
        ],
        "directions": [
            Choice(
                title,
                url_of(period.query if period else {}, {**filters.without("direction"), **chosen}),
                is_it,
            )
            for title, chosen, is_it in _directions(filters)
        ],
        "chosen": filters.chosen,
        "unknown": filters.unknown,
        **around,
    }


def words_of(period: Period) -> str:
    """The first and the last day."""
    first, last = (date_format(day, "DATE_FORMAT") for day in (period.first_on, period.last_on))
    return first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last}


def url_of(period: Mapping[str, str], chosen: Mapping[str, str], **more: str) -> str:
    """The address of a summary."""
    query = urlencode({**period, **chosen, **more})
    return f"{reverse('usage:summary')}?{query}" if query else reverse("usage:summary")


def _directions(filters: Filters) -> list[tuple[str, dict[str, str], bool]]:
    now = filters.chosen.get("direction", "")
    each = [(str(direction.label), {"direction": str(direction.value)}) for direction in Direction]
    return [(_("Both"), {}, not now), *((title, one, one["direction"] == now) for title, one in each)]


def _months_around(period: Period, filters: Filters, now: datetime) -> dict[str, Choice | None]:
    first = period.first_on
    earlier, later = month_after(first, -1), month_after(first, 1)

    def month(day: Any) -> Choice:
        title = date_format(day, "YEAR_MONTH_FORMAT")
        return Choice(title, url_of({"month": f"{day:%Y-%m}"}, filters.chosen))

    return {
        "earlier": month(earlier) if earlier >= EARLIEST else None,
        "later": month(later) if later <= now.date() else None,
    }


def _table(found: Report, group: Group) -> Table:
    titles: dict[By, tuple[str, str]] = {
        "service": (_("By service"), _("Service")),
        "provider": (_("By provider"), _("Provider")),
        "family": (_("By model family"), _("Model family")),
        "key": (_("By API key"), _("API key")),
        "direction": (_("By direction"), _("Direction")),
    }
    title, head = titles[group.by]
    query, chosen = found.period.query, found.filters.chosen
    rows = []
    for row in group.rows:
        one = {} if row.value is None else {str(group.by): row.value}
        logs = report_groups.logs_url(found, **one) if one else ""
        alone = url_of(query, {**chosen, **one}) if one and group.by not in chosen else ""
        rows.append((row, logs, alone))
    return Table(
        title=title,
        head=head,
        group=group,
        rows=tuple(rows),
        whole_url=url_of(query, chosen, all=group.by) + f"#by-{group.by}",
    )


def _picked(
    account: ExchangeAccount, filters: Filters, groups: Mapping[By, Group], period: Period
) -> list[Choice]:
    """The filters that are on, by name, each with the address without it. The direction has its own place."""
    picked = []
    for by in KINDS:
        value = filters.chosen.get(by)
        if value is None or by == "direction":
            continue
        title = next((row.name for row in groups[by].rows), "") or _named(account, by, value)
        picked.append(Choice(title, url_of(period.query, filters.without(by))))
    return picked


def _named(account: ExchangeAccount, by: By, value: str) -> str:
    """What a filter is called whose breakdown has no row: nothing fell into the period."""
    if by == "family":
        return value
    number = int(value)
    look_up = {
        "service": report_groups.service_names,
        "provider": report_groups.provider_names,
        "key": report_groups.key_labels,
    }
    return report_groups.name_of(by, number, look_up[by](account, [number]))
