from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.comparing import Offering, PriceMove, compare, price_move, to_the_cent

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def an_offering(number: int = 1, price: str = "0.005", **changes: Any) -> Offering:
    return Offering(
        **{
            "number": number,
            "name": f"Service {number}",
            "model_family": "gpt-4o",
            "provider": 3,
            "provider_name": "Northwind",
            "price_per_1k_tokens": Decimal(price),
            "trial_tokens": 0,
            "listed_at": LONG_AGO,
            "delisted_at": None,
            "price_then": Decimal(price),
            "first_price": Decimal(price),
            **changes,
        }
    )


prices = st.decimals(0, 10**9, places=12, allow_nan=False)
offerings = st.lists(
    st.builds(
        lambda number, price, gone, family: an_offering(
            number, str(price), delisted_at=LONG_AGO if gone else None, model_family=family
        ),
        st.integers(1, 99),
        prices,
        st.booleans(),
        st.sampled_from(["gpt-4o", "GPT-4o", "llama"]),
    ),
    max_size=5,
    unique_by=lambda one: one.number,
)


def test_the_cheapest_is_marked_and_the_others_say_by_how_much_they_are_dearer() -> None:
    columns = compare([an_offering(1, "0.005"), an_offering(2, "0.004")], None).columns
    assert [(c.is_cheapest, c.over_cheapest) for c in columns] == [(False, Decimal("25.0")), (True, None)]


def test_all_at_the_lowest_price_are_the_cheapest() -> None:
    columns = compare(
        [an_offering(n, "0.0050"[: 5 + n]) for n in (0, 1)] + [an_offering(2, "1")], None
    ).columns
    assert [column.is_cheapest for column in columns] == [True, True, False]


def test_what_is_delisted_is_no_cheapest() -> None:
    gone = an_offering(1, "0.001", delisted_at=LONG_AGO)
    columns = compare([gone, an_offering(2, "0.005"), an_offering(3, "0.006")], None).columns
    assert [column.is_cheapest for column in columns] == [False, True, False]
    assert [column.over_cheapest for column in columns] == [None, None, Decimal("20.0")]


def test_one_alone_is_not_called_the_cheapest() -> None:
    [column] = compare([an_offering()], None).columns
    assert (column.is_cheapest, column.over_cheapest) == (False, None)


def test_a_page_of_many_knows_the_cheapest_of_them_all() -> None:
    columns = compare(
        [an_offering(1, "0.005"), an_offering(2, "0.006")], None, cheapest=Decimal("0.004")
    ).columns
    assert [column.over_cheapest for column in columns] == [Decimal("25.0"), Decimal("50.0")]
    assert not any(column.is_cheapest for column in columns)


def test_nothing_is_so_many_percent_over_a_price_of_nothing() -> None:
    columns = compare([an_offering(1, "0"), an_offering(2, "0.1")], None).columns
    assert [(c.is_cheapest, c.over_cheapest) for c in columns] == [(True, None), (False, None)]


def test_tokens_of_every_family_that_is_compared_are_priced() -> None:
    two = [an_offering(1, "0.005"), an_offering(2, "0.0007", model_family="llama")]
    compared = compare(two, {"GPT-4o": 1_000_000, "llama": 500_000, "o3": 7})
    assert compared.tokens == 1_500_000
    assert compared.families == ("gpt-4o", "llama")
    assert [column.cost for column in compared.columns] == [Decimal("7.5"), Decimal("1.05")]


def test_what_was_consumed_may_be_unknown_or_nothing() -> None:
    [unknown] = compare([an_offering()], None).columns
    [nothing] = compare([an_offering()], {"o3": 5}).columns
    assert (unknown.cost, unknown.cost_shown) == (None, None)
    assert (nothing.cost, nothing.cost_shown) == (0, 0)


def test_nothing_to_compare_is_no_error() -> None:
    compared = compare([], {"gpt-4o": 5})
    assert (compared.columns, compared.tokens, compared.families) == ((), 0, ())


@pytest.mark.parametrize(
    ("now", "then", "first", "move"),
    [
        ("0.005", "0.005", "9", ("unchanged", False, "0.005", "0", "0.0")),
        ("0.006", "0.005", "9", ("up", False, "0.005", "0.001", "20.0")),
        ("0.004", "0.005", "9", ("down", False, "0.005", "0.001", "20.0")),
        ("0.004", None, "0.005", ("down", True, "0.005", "0.001", "20.0")),
        ("0.005", None, "0.005", ("unchanged", True, "0.005", "0", "0.0")),
        ("0.005", "0", "9", ("up", False, "0", "0.005", None)),
        ("0", "0", "9", ("unchanged", False, "0", "0", None)),
    ],
)
def test_a_price_moves_since_then_or_since_it_was_first_seen(
    now: str, then: str | None, first: str, move: tuple[Any, ...]
) -> None:
    kind, is_new, before, size, percent = move
    offering = an_offering(
        1, now, price_then=None if then is None else Decimal(then), first_price=Decimal(first)
    )
    assert price_move(offering) == PriceMove(
        kind=kind,
        is_new=is_new,
        before=Decimal(before),
        size=Decimal(size),
        percent=None if percent is None else Decimal(percent),
    )


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1.005", "1.01"),
        ("0.0149", "0.01"),
        ("0.009", "0.009"),
        ("0", "0.00"),
        ("123456789.999", "123456790.00"),
    ],
)
def test_money_is_read_to_the_cent_and_less_than_one_exactly(amount: str, shown: str) -> None:
    assert str(to_the_cent(Decimal(amount))) == shown


@given(offerings, st.integers(0, 2**53 - 1))
def test_costs_are_exact_and_the_cheapest_costs_least(several: list[Offering], tokens: int) -> None:
    compared = compare(several, {"gpt-4o": tokens})
    assert [column.offering for column in compared.columns] == several
    assert compared.tokens is not None
    for column in compared.columns:
        assert column.cost is not None
        price = Fraction(column.offering.price_per_1k_tokens)
        assert Fraction(column.cost) == price * compared.tokens / 1000
    listed = [column for column in compared.columns if column.offering.delisted_at is None]
    marked = [column for column in compared.columns if column.is_cheapest]
    assert bool(marked) == (len(listed) > 1)
    assert all(one.cost <= other.cost for one in marked for other in listed)  # type: ignore[operator]
    assert not any(column.is_cheapest and column.over_cheapest is not None for column in compared.columns)


@pytest.mark.parametrize(
    ("price", "times"),
    [("0.0079", None), ("0.008", "2.0"), ("0.0109", "2.7"), ("0.254", "63.5"), ("0.004", None)],
)
def test_from_twice_on_it_is_so_many_times_the_cheapest(price: str, times: str | None) -> None:
    [_cheapest, other] = compare([an_offering(1, "0.004"), an_offering(2, price)], None).columns
    assert other.times_cheapest == (times and Decimal(times))


def test_facts_in_which_all_are_alike() -> None:
    pair = [an_offering(1, "0.004"), an_offering(2, "0.005")]
    assert compare(pair[:1], None).alike == frozenset()
    assert "price_per_1k_tokens" not in compare(pair, None).alike
    assert "model_family" in compare(pair, None).alike
