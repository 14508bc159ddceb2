from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_exchange
from accounts.models import Exchange
from catalog.lock_in import lock_in
from catalog.lock_in_rows import offers_for
from catalog.models import PriceChange, Service
from catalog.tests.kept import keep_provider, keep_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def exchange(db: None) -> Exchange:
    return make_exchange()


def test_it_finds_what_was_used_and_what_is_cheaper_elsewhere(exchange: Exchange) -> None:
    keep_service(11, provider=keep_provider(1), price="0.005")
    keep_service(12, provider=keep_provider(1), price="0.004")
    keep_service(13, provider=keep_provider(2), price="0.003", family="GPT-4o")
    keep_service(14, provider=keep_provider(3), price="0.009")
    keep_service(15, provider=keep_provider(4), price="0.001", family="llama")
    keep_service(16, provider=keep_provider(4), price="0.001", delisted=True)
    assert {offer.number for offer in offers_for(exchange, [11])} == {11, 12, 13}


def test_what_nobody_lists_finds_nothing(exchange: Exchange) -> None:
    assert offers_for(exchange, [99]) == offers_for(exchange, []) == []


def test_a_delisted_service_that_was_used_is_known_as_such(exchange: Exchange) -> None:
    keep_service(11, delisted=True)
    (offer,) = offers_for(exchange, [11])
    assert not offer.listed


def test_another_exchanges_offers_are_no_alternative(exchange: Exchange) -> None:
    keep_service(11)
    elsewhere = keep_provider(3, exchange=make_exchange(base_url="http://other.test"))
    keep_service(12, provider=elsewhere, price="0.0001")
    assert {offer.number for offer in offers_for(exchange, [11])} == {11}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offers=st.lists(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from(["gpt", "GPT", "llama"]),
            # the last two are so near that they share a rank
            st.sampled_from(["0", "0.001", "0.002", "0.0000000000001", "0.0000000000002"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ),
    used=st.dictionaries(st.integers(100, 111), st.integers(1, 10**9), min_size=1, max_size=4),
)
def test_it_saves_as_much_as_with_every_offer_there_is(
    exchange: Exchange, offers: list[tuple[int, str, str, bool]], used: dict[int, int]
) -> None:
    PriceChange.objects.all().delete()
    Service.objects.all().delete()
    for place, (provider, family, price, delisted) in enumerate(offers):
        keep_service(
            100 + place, provider=keep_provider(provider), family=family, price=price, delisted=delisted
        )
    every = offers_for(exchange, Service.objects.values_list("remote_id", flat=True))
    everything = [*every, *offers_for(exchange, [one.number for one in every])]
    assert len({one.number for one in everything}) == len(offers)
    assert lock_in(used, offers_for(exchange, used)) == lock_in(used, everything)


def test_it_takes_few_queries_and_keeps_what_it_looked_through(
    exchange: Exchange, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        keep_service(100 + number, provider=keep_provider(number % 5), family=f"family {number % 7}")
    # 1 the services used, 2 how families are spelt, 3 the lowest prices, 4 who has them, 5 their rows
    with django_assert_num_queries(5):
        offers_for(exchange, range(100, 120), "v1")
    # of the same catalogue: 1 the services used, 2 the cheap ones' rows
    with django_assert_num_queries(2):
        offers_for(exchange, range(100, 120), "v1")
