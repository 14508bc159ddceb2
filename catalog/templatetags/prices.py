"""Prices under one another: where one has fewer decimal places than its column, the rest is kept free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.estimating import EXACT

register = template.Library()

FEWEST, MOST = 2, 12
"""Decimal places: every price has two; what is finer than twelve may stand out of its column."""


class Priced(Protocol):
    """A service, or an offering that is compared."""

    @property
    def price_per_1k_tokens(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Places:
    """How many decimal places the finest price of each column has."""

    per_1k: int
    per_1m: int


@register.simple_tag
def price_places(services: Iterable[Priced]) -> Places:
    """What the columns of these services' prices need."""
    prices = [service.price_per_1k_tokens for service in services]
    return Places(
        per_1k=max(map(_places, prices), default=FEWEST),
        per_1m=max((_places(_per_1m(price)) for price in prices), default=FEWEST),
    )


@register.filter
def rest_per_1k(price: Decimal, places: Places) -> SafeString | str:
    """What follows the price per 1,000 tokens, so that the points of a column are below one another."""
    return _rest(price, places.per_1k)


@register.filter
def rest_per_1m(price: Decimal, places: Places) -> SafeString | str:
    """The same for the price per 1,000,000 tokens; ``price`` is per 1,000."""
    return _rest(_per_1m(price), places.per_1m)


def _rest(price: Decimal, places: int) -> SafeString | str:
    missing = places - _places(price)
    # unseen digits are as wide as seen ones in any font, and are neither read out nor copied
    return format_html('<span class="pad" aria-hidden="true">{}</span>', "0" * missing) if missing else ""


def _per_1m(price: Decimal) -> Decimal:
    return price.scaleb(3, EXACT)


def _places(price: Decimal) -> int:
    decimals = f"{price:f}".partition(".")[2].rstrip("0")
    return min(max(len(decimals), FEWEST), MOST)
