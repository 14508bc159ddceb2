"""The breakdowns of a summary: by service, provider, model family, key and direction, the largest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import ApiKey, ExchangeAccount
from catalog.models import Provider, Service
from usage.models.entry import Direction
from usage.reporting.reports import Report
from usage.reporting.sums import Part, Sums, add

By = Literal["service", "provider", "family", "key", "direction"]
KINDS: tuple[By, ...] = ("service", "provider", "family", "key", "direction")
TOP = 10
MOST = 500
"""Rows that "Show all" shows at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of a breakdown. ``value`` is what the address of the logs calls it; None where that has no word."""

    value: str | None
    name: str
    sums: Sums
    of: int
    """The tokens of all rows together."""

    @property
    def percent_shown(self) -> str:
        """The share of all tokens, to a tenth of a per cent; what is less than that is not nothing."""
        percent = _percent(self.sums.tokens, self.of)
        shown = "<0.1" if self.sums.tokens and not percent else f"{percent:.1f}"
        return f"{shown}\N{NO-BREAK SPACE}%"

    @property
    def cost_unknown(self) -> bool:
        """Whether none of these tokens has a known price."""
        return bool(self.sums.tokens) and self.sums.unpriced_tokens == self.sums.tokens

    @property
    def consumed_width(self) -> str:
        """How much of the bar is consumed, of 100, as an SVG takes it."""
        return f"{_percent(self.sums.consumed_tokens, self.of):g}"

    @property
    def supplied_width(self) -> str:
        return f"{_percent(self.sums.supplied_tokens, self.of):g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One breakdown: its largest rows, and how many there are in all."""

    by: By
    rows: tuple[Row, ...]
    count: int
    is_cut: bool
    """Whether there are more rows than are shown."""


def groups_of(account: ExchangeAccount, report: Report, whole: str = "") -> dict[By, Group]:
    """Every breakdown; of the one that ``whole`` names all rows. A query for each of three kinds of names."""
    found: dict[By, tuple[list[tuple[int | str, Sums]], int]] = {}
    for by in KINDS:
        ordered = _ordered(report, by)
        found[by] = ordered[: MOST if by == whole else TOP], len(ordered)
    names: dict[str, Mapping[int | str, str]] = {
        "service": service_names(account, (key for key, _sums in found["service"][0])),
        "provider": provider_names(account, (key for key, _sums in found["provider"][0])),
        "key": key_labels(account, (key for key, _sums in found["key"][0])),
        "direction": {str(value): str(label) for value, label in Direction.choices},
    }
    return {
        by: Group(
            by=by,
            rows=tuple(_row(by, key, sums, names.get(by, {}), report.total.tokens) for key, sums in rows),
            count=count,
            is_cut=count > len(rows),
        )
        for by, (rows, count) in found.items()
    }


def logs_url(report: Report, **narrowed: str) -> str:
    """The entries behind a figure: the logs, narrowed as this summary is and to its period."""
    query = {**report.filters.chosen, **narrowed, **stretch(report.period.since, report.period.until)}
    return logs_at(query)


def logs_at(query: Mapping[str, str]) -> str:
    """The address of the logs, narrowed so."""
    return f"{reverse('usage:logs')}?{urlencode(query)}"


def stretch(since: datetime, until: datetime) -> dict[str, str]:
    """A stretch of time as the logs' address has it: UTC, the second one not in it."""
    return {
        name: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, at in (("since", since), ("until", until))
    }


def service_names(account: ExchangeAccount, numbers: Iterable[int | str]) -> dict[int | str, str]:
    """Names by the Exchange's number, as the kept catalogue has them; delisted ones too."""
    rows = Service.objects.filter(exchange=account.exchange_id, remote_id__in=list(numbers))
    return dict(rows.values_list("remote_id", "name"))


def provider_names(account: ExchangeAccount, numbers: Iterable[int | str]) -> dict[int | str, str]:
    rows = Provider.objects.filter(exchange=account.exchange_id, remote_id__in=list(numbers))
    return dict(rows.values_list("remote_id", "display_name"))


def key_labels(account: ExchangeAccount, keys: Iterable[int | str]) -> dict[int | str, str]:
    """Labels of this person's own API keys; 0 is none."""
    wanted = [key for key in keys if key]
    if not wanted:
        return {}
    return dict(ApiKey.objects.filter(user=account.user_id, pk__in=wanted).values_list("pk", "label"))


def name_of(by: By, key: int | str, names: Mapping[int | str, str]) -> str:
    """What a row is called, where nothing is known of it too."""
    if key in names:
        return names[key]
    if by == "family":
        return str(key) or _("Unknown family")
    if by == "key":
        return _("Key %(number)s") % {"number": key} if key else _("No API key")
    if not key:
        return _("Unknown provider")
    return (_("Service %(number)s") if by == "service" else _("Provider %(number)s")) % {"number": key}


def _ordered(report: Report, by: By) -> list[tuple[int | str, Sums]]:
    if by == "direction":
        each = [(str(direction), report.total.of(direction)) for direction in Direction.values]
        return [row for row in each if row[1].entries]
    found: dict[int | str, Sums] = {}
    for part, sums in report.parts.items():
        key = _key(part, by)
        found[key] = add((found.get(key, Sums()), sums))
    return sorted(found.items(), key=lambda row: (-row[1].tokens, -row[1].entries, str(row[0])))


def _key(part: Part, by: By) -> int | str:
    key: int | str = getattr(part, by)
    return key


def _row(by: By, key: int | str, sums: Sums, names: Mapping[int | str, str], of: int) -> Row:
    # the logs know 0, but no name for an unknown family
    return Row(value=None if key == "" else str(key), name=name_of(by, key, names), sums=sums, of=of)


def _percent(part: int, of: int) -> float:
    return round(1000 * part / of) / 10 if of else 0.0
