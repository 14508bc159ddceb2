"""The logs in the order of recording: what a search in memos finds, along their full-text index."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import ExchangeAccount
from usage.logs.conditions import narrowed
from usage.logs.filters import LogFilters
from usage.logs.places import Walked, Window
from usage.memos.search import search
from usage.memos.terms import Wanted
from usage.models import LedgerEntry

CANDIDATES = 500
"""Memos found, at a time, of which the entries are looked at."""
LATEST_AHEAD = timedelta(days=1)
"""An entry is recorded before it occurred by minutes at the most; a day, for clocks that were put right."""


def walk(
    account: ExchangeAccount, filters: LogFilters, key: int | None, *, upwards: bool, window: Window
) -> Walked:
    """What fits from the entry with this key on, which is not among it; from the newest on without a key."""
    words = filters.words
    bounds = _bounds(account, filters.since)
    if words is None or bounds is None:
        return Walked(entries=[])
    first, last = bounds
    start, end = (first, last) if upwards else (last, first)
    if key is not None:
        start = max(first, key + 1) if upwards else min(last, key - 1)
    if not first <= start <= last:
        return Walked(entries=[])
    return _walk(account, filters, words, start, end, window)


def _walk(
    account: ExchangeAccount, filters: LogFilters, words: Wanted, start: int, end: int, window: Window
) -> Walked:
    rest = {name: value for name, value in filters.chosen.items() if name not in ("q", "since", "until")}
    alone = len(filters.chosen) == 1
    step = 1 if start < end else -1
    entries: list[LedgerEntry] = []
    looked_at = 0
    while True:
        room = window.size + 1 - len(entries)
        limit = room if alone else min(CANDIDATES, window.looked_at - looked_at)
        found = search(account.pk, words, start, end, limit=limit)
        entries += _entries(found.keys, filters, rest)
        if len(entries) > window.size:
            del entries[window.size :]
            return Walked(entries=entries, ahead=str(entries[-1].pk))
        looked_at += len(found.keys)
        edge = found.searched_to
        if edge is None or edge == end:
            return Walked(entries=entries)
        if len(found.keys) < limit or looked_at >= window.looked_at:
            return Walked(entries=entries, ahead=str(edge), searched_to=_recorded(edge))
        start = edge + step


def _entries(keys: list[int], filters: LogFilters, rest: dict[str, object]) -> list[LedgerEntry]:
    """Those of the entries with these keys that fit the other filters, in the order of the keys."""
    rows = narrowed(LedgerEntry.objects.filter(pk__in=keys), rest)
    if filters.since:
        rows = rows.filter(occurred_at__gte=filters.since)
    if filters.until:
        rows = rows.filter(occurred_at__lt=filters.until)
    fits = {entry.pk: entry for entry in rows.select_related("delivery", "api_key")}
    return [fits[key] for key in keys if key in fits]


def _bounds(account: ExchangeAccount, since: datetime | None) -> tuple[int, int] | None:
    """The keys of the account's first and last entry that may fit; None where there is none."""
    keys = LedgerEntry.objects.filter(account=account).values_list("pk", flat=True)
    first, last = keys.order_by("seq").first(), keys.order_by("-seq").first()
    if first is None or last is None:
        return None
    if since:
        recorded = LedgerEntry.objects.filter(recorded_at__gte=since - LATEST_AHEAD)
        begins = recorded.order_by("recorded_at", "pk").values_list("pk", flat=True).first()
        if begins is None:
            return None
        first = max(first, begins)
    return (first, last) if first <= last else None


def _recorded(key: int) -> datetime | None:
    """When what stands at this key, or next to it, was recorded."""
    moments = LedgerEntry.objects.values_list("recorded_at", flat=True)
    return moments.filter(pk__lte=key).order_by("-pk").first()
