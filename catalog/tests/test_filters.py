"""Filters, by property: each result satisfies all of them, and none is missing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.factories import make_exchange
from catalog import offers
from catalog.filters import ProviderFilter, ServiceFilter
from catalog.models import Service
from catalog.paging import PAGE_SIZE
from catalog.tests.mirrored import LONG_AGO, make_provider, make_service
from catalog.text_search import MOST_WORDS

pytestmark = pytest.mark.django_db

FAMILIES = ["gpt-4o", "GPT-4o", "o3", "文心", "50%_off", "a'b\"c"]
NAMES = ["Fast GPT", "Économie", "ÜBER über", "тёплый", "100%", "under_score", "back\\slash", "", "文心一言"]
SELLERS = ["Northwind", "Ätna", "zen GPT", "northwind 2"]
PRICES = ["0", "0.000000000001", "0.0052", "0.00520", "1", "999999.5"]
WORDS = ["gpt", "É", "économie", "üBER", "ТЁПЛ", "%", "_", "\\", "心", "north", "ä", "nothing", "'", "4o"]
OWN = 2


@pytest.fixture
def market() -> list[Service]:
    """Offers of every kind, and one Exchange more, of which nothing may ever be seen."""
    sellers = [make_provider(number=number, name=name) for number, name in enumerate(SELLERS, start=1)]
    for number in range(60):
        make_service(
            provider=sellers[number % 4],
            number=number,
            name=NAMES[number % 9],
            family=FAMILIES[number % 6],
            price=PRICES[number * 7 % 6],
            trial=number % 3 * 1000,
            delisted=number % 5 == 0,
            listed_at=LONG_AGO + timedelta(days=number % 4),
        )
    elsewhere = make_exchange(base_url="http://elsewhere.example")
    make_service(provider=make_provider(number=1, exchange=elsewhere), number=1, name="Fast GPT")
    return list(Service.objects.filter(exchange=sellers[0].exchange).select_related("provider"))


def fits(service: Service, asked: dict[str, str]) -> bool:
    """What the filters mean, said without a database."""
    texts = [service.name, service.model_family, service.provider.display_name]
    words = asked.get("q", "").split()
    return (
        all(any(word.lower() in text.lower() for text in texts) for word in words)
        and asked.get("family", "") in ("", service.model_family)
        and asked.get("provider", "") in ("", str(service.provider.remote_id))
        and ("max_price" not in asked or service.price_per_1k_tokens <= Decimal(asked["max_price"]))
        and ("trial" not in asked or service.trial_tokens > 0)
        and ("mine" not in asked or service.provider.remote_id == OWN)
        and ("delisted" in asked or service.delisted_at is None)
    )


ASKED = st.fixed_dictionaries(
    {},
    optional={
        "q": st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
        "family": st.sampled_from([*FAMILIES, "no such"]),
        "provider": st.sampled_from(["1", "2", "4", "99"]),
        "max_price": st.sampled_from(PRICES),
        "trial": st.just("1"),
        "mine": st.just("1"),
        "delisted": st.just("1"),
    },
)


def found(asked: dict[str, str], sort: str = "price") -> tuple[list[Service], offers.Offers]:
    """All pages, one after another, and the first one."""
    filters = ServiceFilter(asked, exchange=make_exchange(), own=OWN)
    first = offers.find(filters, sort, 1)
    pages = [first, *(offers.find(filters, sort, number) for number in range(2, first.page.last + 1))]
    return [service for page in pages for service in page.services], first


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=ASKED, sort=st.sampled_from(list(offers.SORTS)))
def test_each_result_fits_every_filter_and_none_is_missing(
    market: list[Service], asked: dict[str, str], sort: str
) -> None:
    services, first = found(asked, sort)
    expected = {service.pk for service in market if fits(service, asked)}
    assert {service.pk for service in services} == expected
    assert len(services) == len(expected) == first.page.total


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=ASKED)
def test_beside_each_family_stands_how_many_fit_the_other_filters(
    market: list[Service], asked: dict[str, str]
) -> None:
    others = {name: value for name, value in asked.items() if name != "family"}
    expected = {
        family: sum(service.model_family == family and fits(service, others) for service in market)
        for family in FAMILIES
    }
    _services, first = found(asked)
    counts = {family.name: family.count for family in first.families}
    assert {family: count for family, count in counts.items() if count} == {
        family: count for family, count in expected.items() if count
    }
    assert asked.get("family", "") in {"", *counts}


ORDERS: dict[str, Any] = {
    "price": lambda s: (s.price_per_1k_tokens, s.remote_id),
    "name": lambda s: (s.name.lower() if s.name.isascii() else s.name, s.remote_id),
    "-trial": lambda s: (-s.trial_tokens, -s.remote_id),
    "trial": lambda s: (s.trial_tokens, s.remote_id),
    "newest": lambda s: (-s.listed_at.timestamp(), -s.remote_id),
    "oldest": lambda s: (s.listed_at, s.remote_id),
}


@pytest.mark.parametrize("sort", ["price", "-trial", "trial", "newest", "oldest"])
def test_each_order_is_one(market: list[Service], sort: str) -> None:
    services, _first = found({"delisted": "1"}, sort)
    assert [s.remote_id for s in services] == [s.remote_id for s in sorted(services, key=ORDERS[sort])]


@pytest.mark.parametrize(("there", "back"), [("price", "-price"), ("name", "-name"), ("newest", "oldest")])
def test_an_order_backwards_is_the_same_backwards(market: list[Service], there: str, back: str) -> None:
    assert found({}, there)[0] == found({}, back)[0][::-1]


def test_names_are_in_order_whatever_their_case() -> None:
    seller = make_provider()
    for name in ("beta", "Alpha", "alpha 2", "Beta 2", "GAMMA"):
        make_service(provider=seller, name=name)
    assert [s.name for s in found({}, "name")[0]] == ["Alpha", "alpha 2", "beta", "Beta 2", "GAMMA"]


@pytest.mark.parametrize("sort", ["provider", "-provider"])
def test_by_provider_it_turns_the_pages_without_losing_a_row(sort: str) -> None:
    """Pages that begin and end inside a provider, at its edge, and hold several."""
    sizes = {"delta": 30, "Alpha": 20, "beta": PAGE_SIZE + 10, "Gamma": 0, "omega": 3, "alpha": 2}
    for number, (name, size) in enumerate(sizes.items(), start=1):
        seller = make_provider(number=number, name=name)
        for place in range(size):
            make_service(provider=seller, price=f"0.{90 - place:03}")
    services, first = found({}, sort)
    assert first.page.total == sum(sizes.values()) == len({service.pk for service in services})
    order = [(service.provider.display_name.lower(), service.provider.remote_id) for service in services]
    backwards = sort.startswith("-")
    assert [name for name, _n in order] == sorted((name for name, _n in order), reverse=backwards)
    by_seller: dict[int, list[Decimal]] = {}
    for service in services:
        by_seller.setdefault(service.provider_id, []).append(service.price_per_1k_tokens)
    assert all(prices == sorted(prices) for prices in by_seller.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_price", "abc"),
        ("max_price", "-1"),
        ("max_price", "1e999"),
        ("max_price", "NaN"),
        ("max_price", "0.0000000000001"),
        ("max_price", "\x00"),
        ("provider", "x"),
        ("provider", str(2**63)),
        ("provider", "\x00"),
        ("q", "a\x00b"),
        ("q", "x" * 201),
        ("q", " ".join("abcdefghijklmnop"[: MOST_WORDS + 1])),
        ("family", "\x00"),
    ],
)
def test_what_is_not_understood_is_left_out_and_said(market: list[Service], name: str, value: str) -> None:
    asked = {name: value, "trial": "1"}
    filters = ServiceFilter(asked, exchange=make_exchange(), own=OWN)
    assert list(filters.form.errors) == [name]
    assert filters.chosen == {"trial": "1"}
    assert {s.pk for s in found(asked)[0]} == {s.pk for s in market if fits(s, {"trial": "1"})}


@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "'; --", "[a-z]+", "(", "é(", "*", "é*", "É\\", "🙂", "\u202e"]
)
def test_signs_are_only_signs(market: list[Service], text: str) -> None:
    assert {s.pk for s in found({"q": text})[0]} == {s.pk for s in market if fits(s, {"q": text})}


@pytest.mark.parametrize("value", ["", "0", "2", "true", "on", "\x00"])
def test_only_1_is_a_tick(market: list[Service], value: str) -> None:
    asked = {"mine": value, "trial": value, "delisted": value}
    assert ServiceFilter(asked, exchange=make_exchange(), own=OWN).chosen == {}


def test_who_has_no_provider_has_nothing_that_is_mine(market: list[Service]) -> None:
    filters = ServiceFilter({"mine": "1"}, exchange=make_exchange(), own=None)
    assert offers.find(filters, "price", 1).page.total == 0


def test_what_was_asked_goes_into_the_address_as_it_was_understood() -> None:
    asked = {"q": "  a  ", "max_price": " 0.10 ", "provider": " 3", "sort": "x", "page": "2", "trial": "1"}
    chosen = ServiceFilter(asked, exchange=make_exchange(), own=None).chosen
    assert chosen == {"q": "a", "max_price": "0.10", "provider": "3", "trial": "1"}
    assert ServiceFilter(chosen, exchange=make_exchange(), own=None).chosen == chosen


def test_providers_are_found_by_name_and_description() -> None:
    for number, (name, text) in enumerate([("Ätna", "hot"), ("Fjord", "cold, ätherisch"), ("Zen", "")]):
        make_provider(number=number, name=name, description=text)
    make_provider(number=9, name="Älter", delisted=True)

    def names(**asked: str) -> set[str]:
        rows = ProviderFilter(asked, exchange=make_exchange()).narrowed()
        return {row.display_name for row in rows}

    assert names() == {"Ätna", "Fjord", "Zen"}
    assert names(q="äT") == {"Ätna", "Fjord"}
    assert names(q="ät HOT") == {"Ätna"}
    assert names(q="ä", delisted="1") == {"Ätna", "Fjord", "Älter"}
