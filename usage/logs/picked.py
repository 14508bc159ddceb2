"""The filters that are set, in words, each with the address of the list without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import ApiKey, ExchangeAccount
from catalog.views.lists import SetFilter
from usage.logs.filters import LogFilters, Moment
from usage.logs.options import Options
from usage.models import Delivery, LedgerEntry

RARE = ("source", "service", "provider", "family", "key", "least")
"""Filters that stand behind "More filters"."""


def picked(account: ExchangeAccount, filters: LogFilters, options: Options | None = None) -> list[SetFilter]:
    """In the order of the form. Names are those of ``options``, or are looked up: one query for each."""
    address = filters.in_address
    url = reverse("usage:logs")
    found = []
    for name, value in filters.chosen.items():
        rest = urlencode({other: text for other, text in address.items() if other != name})
        without = f"{url}?{rest}" if rest else url
        found.append(SetFilter(name=name, words=_words(account, name, value, options), without=without))
    return found


def _words(account: ExchangeAccount, name: str, value: Any, options: Options | None) -> str:
    if name == "q":
        return _("“%(words)s”") % {"words": value}
    if name == "since":
        return _("From %(moment)s") % {"moment": _moment(value)}
    if name == "until":
        return _("To %(moment)s") % {"moment": _moment(value)}
    if name == "least":
        return _("At least %(count)s tokens") % {"count": f"{value:,}"}
    labels: Mapping[str, Mapping[Any, Any]] = {
        "direction": dict(LedgerEntry.Direction.choices),
        "source": dict(LedgerEntry.Source.choices),
        "state": dict(Delivery.State.choices),
    }
    if name in labels:
        return str(labels[name][value])
    if name == "family":
        return str(value)
    if value == 0:
        return _("Without a key") if name == "key" else _("Unknown provider")
    if options is not None:
        offered: list[tuple[int, str]] = getattr(options, name)
        return dict(offered)[value]
    return _looked_up(account, name, value) or f"#{value}"


def _moment(moment: Moment) -> str:
    day = date_format(moment.at)
    return day if moment.is_day else f"{day} {moment.at:%H:%M} UTC"


def _looked_up(account: ExchangeAccount, name: str, number: int) -> str:
    if name == "key":
        label = ApiKey.objects.filter(user=account.user_id, pk=number).values_list("label", flat=True).first()
        return label or ""
    # the newest name, as the list of the form has it
    rows = LedgerEntry.objects.filter(account=account, **{f"{name}_id": number})
    called = rows.order_by("-occurred_at", "-seq").values_list(f"{name}_name", flat=True).first()
    return called or ""
