from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.models import Service
from catalog.templatetags.prices import price_places, rest_per_1k, rest_per_1m


def priced(*prices: str) -> list[Service]:
    return [Service(price_per_1k_tokens=Decimal(price)) for price in prices]


@pytest.mark.parametrize(
    ("prices", "per_1k", "per_1m"),
    [
        ((), 2, 2),
        (("1",), 2, 2),
        (("0.0006", "0.00058"), 5, 2),
        (("0.00060000", "5E-7"), 7, 4),
        (("0.0000000000001234",), 12, 12),
    ],
)
def test_a_column_is_as_wide_as_its_finest_price(prices: tuple[str, ...], per_1k: int, per_1m: int) -> None:
    places = price_places(priced(*prices))
    assert (places.per_1k, places.per_1m) == (per_1k, per_1m)


def test_what_a_price_lacks_is_kept_free_and_not_read_out() -> None:
    places = price_places(priced("0.0006", "0.0000005"))
    assert rest_per_1k(Decimal("0.0006"), places) == '<span class="pad" aria-hidden="true">000</span>'
    assert rest_per_1k(Decimal("0.0000005"), places) == ""
    assert rest_per_1m(Decimal("0.0006"), places) == '<span class="pad" aria-hidden="true">00</span>'
