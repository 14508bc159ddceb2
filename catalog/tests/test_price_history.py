from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from catalog.price_history import LATELY, LONGEST, Change, changed_lately, draw, history_of
from catalog.tests.mirrored import LONG_AGO, make_provider, make_service, reprice

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def changes(*prices: str) -> list[Change]:
    known = [None, *map(Decimal, prices)]
    return [
        Change(price=price, before=before, observed_at=START + DAY * place)
        for place, (before, price) in enumerate(itertools.pairwise(known))
        if price is not None
    ]


def heights(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?:^M\S+ |V)([\d.]+)", line)]


@pytest.mark.django_db
def test_it_tells_each_price_and_the_one_before() -> None:
    service = make_service(provider=make_provider(), price="0.01")
    reprice(service, "0.005", LONG_AGO + DAY)
    reprice(make_service(provider=service.provider), "9", LONG_AGO + DAY)
    first, second = history_of(service)
    assert (first.price, first.before, first.share) == (Decimal("0.01"), None, None)
    assert (second.price, second.before, second.share) == (Decimal("0.005"), Decimal("0.01"), Decimal("-0.5"))


@pytest.mark.django_db
def test_of_a_restless_price_it_tells_the_last_and_still_what_came_before() -> None:
    service = make_service(provider=make_provider(), price="1")
    for number in range(LONGEST + 5):
        reprice(service, str(2 + number), LONG_AGO + DAY * (number + 1))
    found = history_of(service)
    assert len(found) == LONGEST
    assert (found[0].before, found[-1].price) == (Decimal(6), Decimal(LONGEST + 6))


def test_a_price_that_was_nothing_has_no_share() -> None:
    assert changes("0", "5")[1].share is None
    assert changes("5", "0")[1].share == Decimal(-1)


@pytest.mark.django_db
def test_a_providers_changes_are_the_newest_first_and_no_first_price(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    provider = make_provider()
    one, other = (make_service(provider=provider, price="1") for _ in range(2))
    reprice(one, "2", LONG_AGO + DAY)
    reprice(other, "3", LONG_AGO + DAY * 2)
    reprice(one, "4", LONG_AGO + DAY * 3)
    reprice(make_service(provider=make_provider()), "9", LONG_AGO + DAY * 4)
    with django_assert_num_queries(1):
        found = changed_lately(provider)
    assert [(service, change.before, change.price) for service, change in found] == [
        (one, Decimal(2), Decimal(4)),
        (other, Decimal(1), Decimal(3)),
        (one, Decimal(1), Decimal(2)),
    ]
    for number in range(LATELY):
        reprice(one, str(10 + number), LONG_AGO + DAY * (5 + number))
    assert len(changed_lately(provider)) == LATELY


def test_it_draws_steps_in_time() -> None:
    picture = draw(changes("1", "3", "2"), START + DAY * 4, width=406, height=140, margin=28)
    # 6 to 400 across is four days; 12 (the highest price) to 92 (the lowest) down, and 112 is the ground
    assert picture.line == "M6 92H104.5V12H203V52H400"
    assert picture.area == f"{picture.line}V112H6Z"
    assert (picture.highest, picture.lowest, picture.dot) == (Decimal(3), Decimal(1), ("400", "52"))


def test_one_price_is_a_level_line() -> None:
    assert draw(changes("1"), START + DAY, width=406, height=140).line == "M6 52H400"


def test_a_price_seen_this_moment_is_drawn_too() -> None:
    assert draw(changes("1"), START, width=406, height=140).line == "M6 52H400"


def test_nothing_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="no price"):
        draw([], START, width=406, height=140)


@given(st.lists(st.decimals(0, 10**9, places=12), min_size=1, max_size=30))
def test_whatever_the_prices_it_stays_in_its_frame(prices: list[Decimal]) -> None:
    seen = changes(*map(str, prices))
    picture = draw(seen, seen[-1].observed_at, width=300, height=120)
    drawn = heights(picture.line)
    assert all(picture.top <= height <= picture.bottom for height in drawn)
    # a higher price is never drawn lower
    for (one, height), (other, another) in itertools.pairwise(zip(prices, drawn, strict=True)):
        assert (one > other) <= (height <= another)
