"""What ``catalog.comparing`` compares, read from the kept catalogue in a handful of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Min, OuterRef, QuerySet, Subquery

from accounts.models import ExchangeAccount
from catalog import consumption
from catalog.comparing import MOST, Comparison, Offering, compare
from catalog.models import LARGEST, PriceChange, Service

PAGE_SIZE = 20
SUGGESTIONS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Numbers that were asked for: those compared, those beyond the five, and those that nobody knows."""

    comparison: Comparison
    left_out: tuple[Offering, ...]
    unknown: tuple[str, ...]


def compare_numbers(account: ExchangeAccount, numbers: Sequence[str], now: datetime) -> Asked:
    """The first five known services of these numbers, in the order in which they were asked for."""
    asked = list(dict.fromkeys(numbers))
    wanted = {text: int(text) for text in asked if _is_number(text)}
    rows = _services(account).filter(remote_id__in=wanted.values())
    found = {one.number: one for one in _offerings(account, rows, now)}
    known = list(dict.fromkeys(found[wanted[text]] for text in asked if wanted.get(text) in found))
    return Asked(
        comparison=compare(known[:MOST], _consumed_by_family(account, now)),
        left_out=tuple(known[MOST:]),
        unknown=tuple(text for text in asked if wanted.get(text) not in found),
    )


def compare_family(
    account: ExchangeAccount, rows: Sequence[Service], now: datetime, *, of_many: bool
) -> Comparison:
    """These services of one family (a page of ``of_family``), against the cheapest of them all.

    ``of_many``: the family has more than one on offer.
    """
    if not rows:
        return compare([], None)
    offerings = _offerings(account, _services(account).filter(pk__in=[row.pk for row in rows]), now)
    by_number = {one.number: one for one in offerings}
    return compare(
        [by_number[row.remote_id] for row in rows],
        _consumed_by_family(account, now),
        cheapest=_lowest(of_family(account, rows[0].model_family)) if of_many else None,
    )


def of_family(account: ExchangeAccount, family: str) -> QuerySet[Service]:
    """The services on offer of this model family (case does not matter), the cheapest first."""
    return (
        _services(account)
        .filter(model_family__iexact=family, delisted_at=None)
        .order_by("price_rank", "name", "remote_id")
    )


def others_to_add(account: ExchangeAccount, comparison: Comparison) -> list[Service]:
    """The cheapest other offers of the families that are compared."""
    there = [column.offering.number for column in comparison.columns]
    rows = _services(account).filter(model_family__in=comparison.families, delisted_at=None)
    return list(
        rows.exclude(remote_id__in=there)
        .select_related("provider")
        .order_by("price_rank", "name", "remote_id")[:SUGGESTIONS]
    )


def families_to_compare(account: ExchangeAccount, limit: int = 12) -> list[tuple[str, int]]:
    """The model families with the most offers, two at the least, and how many there are."""
    rows = (
        _services(account)
        .filter(delisted_at=None)
        .values_list("model_family")
        .annotate(offers=Count("pk"))
        .filter(offers__gte=2)
        .order_by("-offers", "model_family")
    )
    return [(family, offers) for family, offers in rows[:limit]]


def _services(account: ExchangeAccount) -> QuerySet[Service]:
    return Service.objects.filter(exchange=account.exchange_id)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and int(text) <= LARGEST


def _offerings(account: ExchangeAccount, rows: QuerySet[Service], now: datetime) -> list[Offering]:
    seen = PriceChange.objects.filter(service=OuterRef("pk"))
    then = seen.filter(observed_at__lte=now - consumption.WINDOW).order_by("-observed_at", "-id")
    first = seen.order_by("observed_at", "id")
    values = rows.annotate(
        price_then=Subquery(then.values("price_per_1k_tokens")[:1]),
        first_price=Subquery(first.values("price_per_1k_tokens")[:1]),
        provider_number=F("provider__remote_id"),
        provider_name=F("provider__display_name"),
    )
    return [_offering(account, row) for row in values]


def _offering(account: ExchangeAccount, row: Any) -> Offering:
    return Offering(
        number=row.remote_id,
        name=row.name,
        model_family=row.model_family,
        provider=row.provider_number,
        provider_name=row.provider_name,
        price_per_1k_tokens=row.price_per_1k_tokens,
        trial_tokens=row.trial_tokens,
        listed_at=row.listed_at,
        delisted_at=row.delisted_at,
        price_then=row.price_then,
        first_price=row.price_per_1k_tokens if row.first_price is None else row.first_price,
        is_mine=row.provider_number == account.provider_id,
    )


def _consumed_by_family(account: ExchangeAccount, now: datetime) -> Counter[str] | None:
    consumed = consumption.last_30_days(account, now)
    if consumed is None:
        return None
    families: Counter[str] = Counter()
    rows = _services(account).filter(remote_id__in=list(consumed))
    for number, family in rows.values_list("remote_id", "model_family"):
        families[family] += consumed[number]
    return families


def _lowest(rows: QuerySet[Service]) -> Decimal:
    # prices that are finer than a rank can tell apart share one
    rank = rows.order_by().aggregate(lowest=Min("price_rank"))["lowest"]
    return min(
        Decimal(price)
        for price in rows.filter(price_rank=rank)
        .order_by()
        .values_list("price_per_1k_tokens", flat=True)
        .distinct()
    )
