"""What must hold of choosing for any offers and any wishes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catalog.choosing_criteria import MEASURED, Criteria, Miss, Offer, Seller, misses_of
from catalog.choosing_nearest import no_service
from catalog.choosing_strategies import Strategy, Used, provider_order, service_order

names = st.sampled_from(["", "a", "A", "ab", "Bab", "straße", "STRASSE"])
prices = st.decimals(0, 2, places=4, allow_nan=False)
sellers = st.integers(1, 5).map(lambda number: Seller(number, "ABcde"[number - 1]))
offers = st.lists(
    st.builds(Offer, st.integers(1, 40), names, names, prices, st.integers(0, 5), sellers),
    unique_by=lambda offer: offer.number,
)
criteria = st.builds(
    Criteria,
    name=names,
    model_family=names,
    max_price_per_1k=st.none() | prices,
    min_trial_tokens=st.integers(0, 5),
    exclude=st.lists(st.sampled_from(["a", "B", "#3", "x"]), max_size=2).map(tuple),
)
counts = st.none() | st.dictionaries(st.integers(1, 40), st.integers(1, 9))
used = st.builds(Used, by_service=counts, by_provider=counts, turn=st.sampled_from(["1:a", "2:b"]))


def fits(wish: Criteria, offer: Offer) -> bool:
    """The wish in other words than the code's."""
    excluded = [one.casefold() for one in wish.exclude]
    return all(
        [
            wish.name.casefold() in offer.name.casefold(),
            wish.model_family == "" or wish.model_family.casefold() == offer.model_family.casefold(),
            wish.max_price_per_1k is None or offer.price_per_1k_tokens <= wish.max_price_per_1k,
            offer.trial_tokens >= wish.min_trial_tokens,
            offer.seller.name.casefold() not in excluded,
            f"#{offer.seller.number}" not in excluded,
        ]
    )


@given(criteria, offers)
def test_an_offer_misses_nothing_exactly_when_it_fits(wish: Criteria, market: list[Offer]) -> None:
    misses = misses_of(wish)
    for offer in market:
        assert (not misses(offer.name, offer.seller, offer)) == fits(wish, offer)


@given(st.sampled_from(Strategy), used, offers, st.randoms())
def test_the_order_of_the_offers_does_not_matter(
    strategy: Strategy, standing: Used, market: list[Offer], random: Any
) -> None:
    order = service_order(strategy, standing)
    shuffled = random.sample(market, len(market))
    assert sorted(market, key=order) == sorted(shuffled, key=order)
    by_seller = [(seller, [o for o in market if o.seller == seller]) for seller in {o.seller for o in market}]
    seller_order = provider_order(strategy, standing)
    again = random.sample(by_seller, len(by_seller))
    assert [one[0] for one in sorted(by_seller, key=seller_order)] == [
        one[0] for one in sorted(again, key=seller_order)
    ]


@given(used, offers.filter(bool))
def test_each_strategy_keeps_its_word(standing: Used, market: list[Offer]) -> None:
    def first(strategy: Strategy) -> Offer:
        return min(market, key=service_order(strategy, standing))

    lowest = min(offer.price_per_1k_tokens for offer in market)
    assert first(Strategy.CHEAPEST).price_per_1k_tokens == lowest
    assert first(Strategy.MOST_TRIAL).trial_tokens == max(offer.trial_tokens for offer in market)
    assert first(Strategy.LONGEST_STANDING).number == min(offer.number for offer in market)
    by_service, by_provider = standing.by_service, standing.by_provider
    if by_service is None:
        assert first(Strategy.LEAST_USED).price_per_1k_tokens == lowest
    else:
        least = min(by_service.get(offer.number, 0) for offer in market)
        assert by_service.get(first(Strategy.LEAST_USED).number, 0) == least
    if by_provider is not None:
        least = min(by_provider.get(offer.seller.number, 0) for offer in market)
        assert by_provider.get(first(Strategy.SPREAD).seller.number, 0) == least


@given(criteria, offers.filter(bool))
def test_what_came_nearest_misses_something_and_nothing_came_nearer(
    wish: Criteria, market: list[Offer]
) -> None:
    misses = misses_of(wish)
    if any(fits(wish, offer) for offer in market):
        return
    nearest = no_service(wish, market).nearest
    assert nearest is not None
    assert nearest.offer in market
    assert nearest.misses == misses(nearest.offer.name, nearest.seller, nearest.offer) != ()
    kinds = [len(set(misses(one.name, one.seller, one)) - MEASURED) for one in market]
    assert len(set(nearest.misses) - MEASURED) == min(kinds)
    if nearest.misses == (Miss.PRICE,):
        alike = [
            one.price_per_1k_tokens for one in market if misses(one.name, one.seller, one) == (Miss.PRICE,)
        ]
        assert nearest.offer.price_per_1k_tokens == min(alike, default=Decimal(0))
