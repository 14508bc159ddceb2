"""providers and services: the kept catalogue, with the filters and the orders of the pages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from accounts.tests.api import Caller, person, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog import offers, sellers
from catalog.api.providers import ProvidersQuery
from catalog.api.services import FILTERS, ServicesQuery
from catalog.filters import ProviderFilter, ServiceFilter
from catalog.freshness import freshness_of
from catalog.paging import PAGE_SIZE
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from catalog.tests.wire import Wire

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_call(wire: Wire) -> Iterator[None]:
    """A list never asks the Exchange."""
    wire.is_down()
    yield
    assert len(wire.calls) == 0


@pytest.fixture
def reader(provider: ExchangeAccount) -> Caller:
    return program(provider.user, "read")


@pytest.fixture
def catalogue(provider: ExchangeAccount) -> ExchangeAccount:
    """Sixty services of five providers, one of them ours, some of it no longer listed."""
    chance = random.Random(5)  # noqa: S311 - the same every time
    make_mirror()
    houses = [make_provider(number=provider.provider_id, name="Acme")]
    houses += [
        make_provider(number=n, name=name, delisted=n == 9, listed_at=START + timedelta(days=n))
        for n, name in ((7, "Northwind"), (8, "ätna"), (9, "Gone"), (10, "northern %_"))
    ]
    for number in range(60):
        make_service(
            provider=chance.choice(houses),
            number=100 + number,
            name=chance.choice(["Fast", "fast EU", "Bulk", "100%", "a_b"]),
            family=chance.choice(["gpt-4o", "GPT-4o", "o3"]),
            price=chance.choice(["0", "0.5", "0.000000000001", "2"]),
            trial=chance.choice([0, 0, 1000]),
            delisted=number % 7 == 0,
            listed_at=START + timedelta(days=chance.randrange(9)),
        )
    make_service(provider=make_provider(number=7, exchange=make_exchange(base_url="http://other.example")))
    return provider


def got(caller: Caller, path: str = "/services", **query: Any) -> dict[str, Any]:
    response = caller.get(path, query)
    assert response.status_code == 200, response.content
    document: dict[str, Any] = told(response)
    return document


def page_of(account: ExchangeAccount, query: dict[str, Any]) -> Any:
    """What the page of the same address shows."""
    address = {
        name: "1" if value == "true" else str(value) for name, value in query.items() if value != "false"
    }
    filters = ServiceFilter(
        {name: address[name] for name in FILTERS if name in address},
        exchange=account.exchange,
        own=account.provider_id,
    )
    sort = offers.sort_named(address.get("sort"))
    number = int(address.get("page", 1))
    return offers.find(filters, sort, number, freshness_of(account.exchange).version)


# what is told


def test_a_service_has_the_contracts_names_and_its_exact_price(reader: Caller) -> None:
    make_mirror()
    house = make_provider(number=7, name="Northwind")
    make_service(provider=house, number=11, price="0.0007", trial=5)
    response = reader.get("/services")
    assert b'"price_per_1k_tokens":0.0007' in response.content
    (service,) = told(response)["services"]
    assert service == {
        "id": 11,
        "provider_id": 7,
        "provider_name": "Northwind",
        "name": "GPT-4o, EU",
        "model_family": "gpt-4o",
        "price_per_1k_tokens": Decimal("0.0007"),
        "trial_tokens": 5,
        "is_mine": False,
        "listed_at": "2026-01-01T12:00:00Z",
        "delisted_at": None,
    }
    assert told(reader.get("/services/11")) == service


def test_a_provider_has_the_contracts_names(reader: Caller) -> None:
    make_mirror()
    house = make_provider(number=7)
    make_service(provider=house)
    make_service(provider=house, delisted=True)
    (provider,) = got(reader, "/providers")["providers"]
    assert provider == {
        "id": 7,
        "user_id": 70,
        "display_name": "Northwind",
        "description": "In two regions",
        "service_count": 1,
        "is_mine": False,
        "listed_at": "2026-01-01T12:00:00Z",
        "delisted_at": None,
    }
    assert got(reader, "/providers/7") == provider


def test_ones_own_is_said_to_be(reader: Caller, provider: ExchangeAccount) -> None:
    make_mirror()
    make_service(provider=make_provider(number=provider.provider_id), number=11)
    assert got(reader)["services"][0]["is_mine"] is True
    assert got(reader, "/providers")["providers"][0]["is_mine"] is True
    other = program(make_account().user, "read")
    assert got(other, "/services/11")["is_mine"] is False


def test_one_that_is_no_longer_listed_is_told_by_its_number(reader: Caller) -> None:
    make_service(provider=make_provider(number=7, delisted=True), number=11, delisted=True)
    assert got(reader, "/services/11")["delisted_at"] is not None
    assert got(reader, "/providers/7")["delisted_at"] is not None
    assert got(reader)["services"] == []


def test_it_says_how_old_it_is(reader: Caller) -> None:
    assert (got(reader)["as_of"], got(reader)["services"]) == (None, [])
    mirror = make_mirror(failure="The Exchange is away.", failed_ago=timedelta(seconds=1))
    document = got(reader)
    assert mirror.refreshed_at is not None
    assert document["as_of"] == mirror.refreshed_at.isoformat().replace("+00:00", "Z")
    assert document["failure"]


# filters and orders


def test_the_orders_are_the_pages() -> None:
    assert get_args(ServicesQuery.model_fields["sort"].annotation) == tuple(offers.SORTS)
    assert ServicesQuery.model_fields["sort"].default == offers.DEFAULT_SORT
    assert get_args(ProvidersQuery.model_fields["sort"].annotation) == tuple(sellers.SORTS)
    assert ProvidersQuery.model_fields["sort"].default == sellers.DEFAULT_SORT


def test_every_filter_of_the_pages_is_one_here() -> None:
    assert set(FILTERS) == set(ServiceFilter.base_filters)
    assert set(ServicesQuery.model_fields) - {"sort", "page"} == set(FILTERS)
    assert set(ProvidersQuery.model_fields) - {"sort", "page"} == set(ProviderFilter.base_filters)


CHOICES: dict[str, list[Any]] = {
    "q": ["fast", "EU", "north", "100%", "a_b", "%", "_", "fast north", "ÄTNA", "nothing"],
    "family": ["gpt-4o", "GPT-4o", "o3", " gpt-4o", "x"],
    "provider": [7, 8, 9, 10, 999],
    "max_price": ["0", "0.5", "0.000000000001", "1", "0.0"],
    "trial": ["true", "false"],
    "mine": ["true", "false"],
    "delisted": ["true", "false"],
    "sort": list(offers.SORTS),
    "page": [1, 2, 3, 99],
}


@pytest.mark.parametrize("sort", offers.SORTS)
def test_each_order_is_the_pages(catalogue: ExchangeAccount, reader: Caller, sort: str) -> None:
    for number in (1, 2, 3):
        query = {"sort": sort, "delisted": "true", "page": number}
        wanted = [service.remote_id for service in page_of(catalogue, query).services]
        assert wanted
        assert [service["id"] for service in got(reader, **query)["services"]] == wanted


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in CHOICES.items() for value in values], ids=str
)
def test_each_filter_is_the_pages(catalogue: ExchangeAccount, reader: Caller, name: str, value: Any) -> None:
    document = got(reader, **{name: value})
    page = page_of(catalogue, {name: value})
    assert [service["id"] for service in document["services"]] == [one.remote_id for one in page.services]
    assert (document["total"], document["pages"], document["page"]) == (
        page.page.total,
        page.page.last,
        page.page.number,
    )


def test_any_of_them_together_are_the_pages(catalogue: ExchangeAccount, reader: Caller) -> None:
    chosen = st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(some) for name, some in CHOICES.items()}
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(chosen)
    def same(query: dict[str, Any]) -> None:
        wanted = [service.remote_id for service in page_of(catalogue, query).services]
        assert [service["id"] for service in got(reader, **query)["services"]] == wanted

    same()


@pytest.mark.parametrize("sort", sellers.SORTS)
@pytest.mark.parametrize("extra", [{}, {"q": "north"}, {"delisted": "true"}, {"q": "%_"}], ids=str)
def test_providers_are_the_pages(
    catalogue: ExchangeAccount, reader: Caller, sort: str, extra: dict[str, str]
) -> None:
    address = {name: "1" if value == "true" else value for name, value in extra.items()}
    page = sellers.find(ProviderFilter(address, exchange=catalogue.exchange), sort, 1)
    document = got(reader, "/providers", sort=sort, **extra)
    assert page.sellers
    assert [(one["id"], one["service_count"]) for one in document["providers"]] == [
        (one.provider.remote_id, one.offers) for one in page.sellers
    ]


def test_the_catalogue_of_another_exchange_is_not_in_it(catalogue: ExchangeAccount, reader: Caller) -> None:
    assert got(reader, delisted="true")["total"] == 60


def test_pages_follow_one_another(catalogue: ExchangeAccount, reader: Caller) -> None:
    first = got(reader, delisted="true")
    assert (first["pages"], first["page_size"], len(first["services"])) == (3, PAGE_SIZE, PAGE_SIZE)
    numbers = [
        service["id"] for page in (1, 2, 3) for service in got(reader, delisted="true", page=page)["services"]
    ]
    assert len(numbers) == len(set(numbers)) == 60
    assert got(reader, delisted="true", page=10**9 - 1)["services"] == []


@pytest.mark.parametrize("path", ["/services", "/providers"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sort", "cheapest"),
        ("sort", "remote_id"),
        ("sort", "-provider__exchange__failure"),
        ("page", "0"),
        ("page", "-1"),
        ("page", "1e3"),
        ("page", str(10**9)),
        ("q", "x" * 201),
        ("q", " ".join("abcdefghijk")),
        ("q", "a\0b"),
        ("delisted", "perhaps"),
    ],
)
def test_what_cannot_be_meant_is_named(reader: Caller, path: str, name: str, value: str) -> None:
    assert refusal(reader.get(path, {name: value})) == (422, "invalid", name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "x" * 201),
        ("family", "a\0"),
        ("provider", "0"),
        ("provider", "x"),
        ("provider", str(2**63)),
        ("max_price", "-1"),
        ("max_price", "1000001"),
        ("max_price", "free"),
        ("max_price", "NaN"),
        ("max_price", "Infinity"),
        ("max_price", "0.0000000000001"),
        ("max_price", "1e-400"),
        ("trial", "x"),
        ("mine", "2"),
    ],
)
def test_so_is_what_services_alone_have(reader: Caller, name: str, value: str) -> None:
    assert refusal(reader.get("/services", {name: value})) == (422, "invalid", name)


def test_a_price_of_nothing_however_it_is_written(catalogue: ExchangeAccount, reader: Caller) -> None:
    wanted = got(reader, max_price="0")["total"]
    assert wanted
    for text in ("0.0", "0.000", "-0", "0e5"):
        assert got(reader, max_price=text)["total"] == wanted


# what it costs


def test_how_many_queries_they_take(catalogue: ExchangeAccount, reader: Caller) -> None:
    got(reader)
    # the secret with its key and person; the account with its Exchange; how old the catalogue is; the keys of
    # the page's services, those services with their providers (how many fit was counted before)
    with counted_queries(5):
        got(reader)
    # the secret, the account; how many providers; the providers, how much each offers; how old it is
    with counted_queries(6):
        got(reader, "/providers")
    # the secret, the account; the service with its provider
    with counted_queries(3):
        got(reader, "/services/101")
    # the secret, the account; the provider, how much it offers
    with counted_queries(4):
        got(reader, "/providers/7")


def test_a_person_sees_the_same(catalogue: ExchangeAccount, reader: Caller) -> None:
    assert got(person(catalogue.user)) == got(reader)
