from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.factories import make_exchange
from catalog.pricing import leap, standing
from catalog.tests.mirrored import make_provider, make_service


@pytest.mark.parametrize(
    ("before", "now", "times"),
    [
        ("0.0006", "0.0006", None),
        ("0.0006", "0.0059", None),
        ("0.0006", "0.006", "10.0"),
        ("0.0006", "0.6", "1000.0"),
        ("0.0006", "0.00006", "10.0"),
        ("0.0006", "0.000061", None),
        ("0.000000000001", "1000000", "1000000000000000000.0"),
    ],
)
def test_ten_times_as_much_or_as_little_is_a_leap(before: str, now: str, times: str | None) -> None:
    found = leap("llama", Decimal(before), Decimal(now))
    assert (found and found.times) == (times and Decimal(times))
    assert (found is None) == (times is None)


@pytest.mark.parametrize(("before", "now", "is_up"), [("0", "0.01", True), ("0.01", "0", False)])
def test_from_and_to_nothing_is_a_leap_without_a_factor(before: str, now: str, is_up: bool) -> None:
    found = leap("llama", Decimal(before), Decimal(now))
    assert found
    assert (found.times, found.is_up) == (None, is_up)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("family", "price", "verdict", "of_family", "cheaper"),
    [
        ("GPT-4o", "0.005", "among", True, 1),
        ("gpt-4o", "0.001", "among", True, 0),
        ("gpt-4o", "0.06", "far_above", True, 2),
        ("gpt-4o", "0.0001", "far_below", True, 0),
        ("gpt-4o", "0", "among", True, 0),
        ("o9", "0.005", "first", False, 1),
        ("o9", "5", "far_above", False, 3),
        ("o9", "0.0000001", "far_below", False, 0),
    ],
)
def test_how_a_price_stands_among_the_others(
    family: str, price: str, verdict: str, of_family: bool, cheaper: int
) -> None:
    seller = make_provider()
    make_service(provider=seller, price="0.004")
    make_service(provider=seller, price="0.006")
    make_service(provider=seller, price="0.0001", delisted=True)
    make_service(provider=seller, price="0.03", family="o3")
    own = make_service(provider=seller, price="0.0001")
    elsewhere = make_provider(exchange=make_exchange(base_url="http://elsewhere.example"))
    make_service(provider=elsewhere, price="100")
    found = standing(seller.exchange, family, Decimal(price), besides=own)
    assert (found.verdict, found.of_family, found.cheaper) == (verdict, of_family, cheaper)
    assert (found.lowest, found.highest) == (
        Decimal("0.004"),
        Decimal("0.006") if of_family else Decimal("0.03"),
    )


@pytest.mark.django_db
def test_at_an_empty_exchange_every_price_is_the_first() -> None:
    assert standing(make_exchange(), "o3", Decimal(5)).verdict == "first"
