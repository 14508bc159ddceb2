"""A price before it is published: how it stands among the offers of its family, and whether it leaps.

Prices are exact Decimals in USD per 1,000 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from django.db.models import Count, Max, Min, Q, QuerySet

from accounts.models import Exchange
from catalog.estimating import EXACT
from catalog.models import PICO, Service, price_rank

LEAP = 10
"""So many times as much, or as little, is rather a slip than a price: per 1M typed as per 1K."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A price among ``offers`` others: of its model family, or of the whole Exchange where that has none.

    ``verdict``: ``far_above`` the dearest or ``far_below`` the cheapest of them, ``among`` them, or the
    ``first`` of its family, which is nothing to wonder about.
    """

    verdict: Literal["first", "among", "far_above", "far_below"]
    of_family: bool
    offers: int
    cheaper: int
    """How many of them cost less."""
    lowest: Decimal
    highest: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Leap:
    """A price ``LEAP`` times the one before or more, its tenth or less, from nothing or to nothing."""

    service: str
    """The name of what is on offer."""
    before: Decimal
    now: Decimal
    times: Decimal | None
    """How many times as much (up), or as little (down); None from or to nothing."""

    @property
    def is_up(self) -> bool:
        return self.now > self.before

    @property
    def confirmation(self) -> str:
        """What a form sends along that says: this leap of this service, and no other, is meant."""
        return f"{self.service} {self.before:f} {self.now:f}"


def leap(service: str, before: Decimal, now: Decimal) -> Leap | None:
    """The leap of this service from one price to another; None where it is none."""
    if before == now:
        return None
    low, high = min(before, now), max(before, now)
    if low and high < low * LEAP:
        return None
    times = EXACT.divide(high, low).quantize(Decimal("0.1"), ROUND_HALF_UP, EXACT) if low else None
    return Leap(service=service, before=before, now=now, times=times)


def standing(exchange: Exchange, family: str, price: Decimal, *, besides: Service | None = None) -> Standing:
    """How a price stands among what is on offer; ``besides``: the own service that it is for."""
    on_offer = Service.objects.filter(exchange=exchange, delisted_at=None)
    if besides is not None:
        on_offer = on_offer.exclude(pk=besides.pk)
    found = _among(on_offer.filter(model_family__iexact=family), price, of_family=True)
    return found if found.offers else _among(on_offer, price, of_family=False)


def _among(rows: QuerySet[Service], price: Decimal, *, of_family: bool) -> Standing:
    sums = rows.aggregate(
        offers=Count("pk"),
        cheaper=Count("pk", filter=Q(price_rank__lt=price_rank(price))),
        lowest=Min("price_rank"),
        highest=Max("price_rank"),
    )
    lowest, highest = (Decimal(sums[name] or 0) / PICO for name in ("lowest", "highest"))
    return Standing(
        verdict=_verdict(price, sums["offers"], lowest, highest, of_family=of_family),
        of_family=of_family,
        offers=sums["offers"],
        cheaper=sums["cheaper"],
        lowest=lowest,
        highest=highest,
    )


def _verdict(
    price: Decimal, offers: int, lowest: Decimal, highest: Decimal, *, of_family: bool
) -> Literal["first", "among", "far_above", "far_below"]:
    if offers and highest and price >= highest * LEAP:
        return "far_above"
    if offers and price and price * LEAP <= lowest:
        return "far_below"
    return "among" if of_family and offers else "first"
