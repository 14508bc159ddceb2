from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catalog.lock_in import Offer, lock_in


def an_offer(number: int, **changes: Any) -> Offer:
    return Offer(
        **{
            "number": number,
            "name": f"service {number}",
            "model_family": "gpt-4o",
            "provider": number,
            "provider_name": f"provider {number}",
            "price_per_1k_tokens": Decimal("0.005"),
            **changes,
        }
    )


prices = st.none() | st.decimals(0, 10**6, allow_nan=False, places=12)
offers_of_any_kind = st.lists(
    st.builds(
        an_offer,
        st.integers(1, 30),
        provider=st.integers(1, 6),
        model_family=st.sampled_from(["gpt-4o", "GPT-4o", "llama"]),
        price_per_1k_tokens=prices,
        listed=st.booleans(),
    ),
    unique_by=lambda offer: offer.number,
)
consumption = st.dictionaries(st.integers(1, 35), st.integers(-5, 2**53 - 1), max_size=12)


def test_what_cannot_be_known_is_not_told() -> None:
    assert lock_in(None, [an_offer(1)]) is None


def test_nothing_consumed_is_no_dependence() -> None:
    found = lock_in({1: 0}, [an_offer(1)])
    assert found is not None
    assert (found.tokens, found.shares, found.index, found.savings, found.saved) == (0, (), None, (), 0)
    assert found.sentence.startswith("Nothing was consumed")


def test_shares_are_by_provider_and_the_index_is_explained() -> None:
    offers = [an_offer(1, provider=9), an_offer(2, provider=9), an_offer(3, provider=8)]
    found = lock_in({1: 500, 2: 250, 3: 250}, offers)
    assert found is not None
    assert [(s.provider, s.tokens, s.share, s.percent) for s in found.shares] == [
        (9, 750, Fraction(3, 4), Decimal("75.0")),
        (8, 250, Fraction(1, 4), Decimal("25.0")),
    ]
    assert found.index == Fraction(5, 8)
    assert found.sentence == (
        "The Herfindahl index, the sum of the squared shares, is 0.625: as if you bought in equal parts "
        "from 1.6 providers. 1 would be all from one, and 0.500 your 2 alike."
    )


def test_one_provider_is_named() -> None:
    found = lock_in({1: 5}, [an_offer(1, provider_name="Northwind")])
    assert found is not None
    assert found.index == 1
    assert found.sentence.startswith("Everything comes from Northwind: ")


def test_nearly_all_is_not_rounded_to_all() -> None:
    found = lock_in({1: 10**9, 2: 1}, [an_offer(1), an_offer(2)])
    assert found is not None
    assert "is 0.999:" in found.sentence


def test_shown_percentages_make_up_a_hundred() -> None:
    found = lock_in({1: 1, 2: 1, 3: 1}, [an_offer(n) for n in (1, 2, 3)])
    assert found is not None
    assert [str(share.percent) for share in found.shares] == ["33.4", "33.3", "33.3"]


def test_it_says_what_the_cheapest_other_provider_would_have_saved() -> None:
    offers = [
        an_offer(1, price_per_1k_tokens=Decimal("0.01")),
        an_offer(2, provider=1, price_per_1k_tokens=Decimal("0.001")),  # the same provider: no way out
        an_offer(3, price_per_1k_tokens=Decimal("0.004"), model_family="GPT-4O"),
        an_offer(4, price_per_1k_tokens=Decimal("0.004"), name="aaa"),
        an_offer(5, price_per_1k_tokens=Decimal("0.002"), model_family="llama"),
    ]
    found = lock_in({1: 1_500_000}, offers)
    assert found is not None
    [saving] = found.savings
    assert saving.alternative.number == 4
    assert (saving.cost, saving.alternative_cost, saving.saved) == (15, 6, 9)
    assert found.saved == 9


def test_what_is_delisted_is_counted_but_never_suggested() -> None:
    used = an_offer(1, listed=False)
    assert (found := lock_in({1: 1000}, [used, an_offer(2, price_per_1k_tokens=Decimal(0), listed=False)]))
    assert (found.index, found.savings) == (1, ())
    assert (found := lock_in({1: 1000}, [used, an_offer(2, price_per_1k_tokens=Decimal(0))]))
    assert found.saved == Decimal("0.005")


def test_unknown_prices_and_services_are_said() -> None:
    unpriced = an_offer(1, price_per_1k_tokens=None)
    found = lock_in({1: 70, 9: 30_000}, [unpriced, an_offer(2), an_offer(3, price_per_1k_tokens=None)])
    assert found is not None
    assert (found.tokens, found.unpriced, found.unknown) == (30_070, {1: 70}, {9: 30_000})
    assert [share.tokens for share in found.shares] == [70]
    assert found.savings == ()
    assert found.sentence.endswith("30,000 tokens of services that are not known here are left out.")


def test_only_unknown_services_have_no_index() -> None:
    found = lock_in({9: 30}, [an_offer(1)])
    assert found is not None
    assert (found.index, found.shares) == (None, ())
    assert "not known here" in found.sentence


@given(consumption, offers_of_any_kind)
def test_shares_and_index_keep_their_bounds(consumed: dict[int, int], offers: list[Offer]) -> None:
    found = lock_in(consumed, offers)
    assert found is not None
    known = {offer.number for offer in offers}
    positive = {number: tokens for number, tokens in consumed.items() if tokens > 0}
    assert found.tokens == sum(positive.values())
    assert sum(found.unknown.values()) + sum(s.tokens for s in found.shares) == found.tokens
    if not positive.keys() & known:
        assert (found.shares, found.index) == ((), None)
        return
    assert sum(share.share for share in found.shares) == 1
    assert sum(share.percent for share in found.shares) == 100
    assert all(abs(Fraction(s.percent) - 100 * s.share) < Fraction(1, 10) for s in found.shares)
    assert found.index is not None
    assert Fraction(1, len(found.shares)) <= found.index <= 1
    assert found.sentence


@given(consumption, offers_of_any_kind)
def test_a_saving_is_real_and_can_be_had(consumed: dict[int, int], offers: list[Offer]) -> None:
    found = lock_in(consumed, offers)
    assert found is not None
    assert Fraction(found.saved) == sum(Fraction(saving.saved) for saving in found.savings)
    for saving in found.savings:
        used, other = saving.used, saving.alternative
        assert saving.saved > 0
        assert other.listed
        assert other.provider != used.provider
        assert other.model_family.casefold() == used.model_family.casefold()
        assert saving.tokens == consumed[used.number]
    # and whoever is not in the list has nothing cheaper to go to
    for number in consumed.keys() - {saving.used.number for saving in found.savings}:
        for used in (offer for offer in offers if offer.number == number and consumed[number] > 0):
            assert not any(
                other.listed
                and other.provider != used.provider
                and other.model_family.casefold() == used.model_family.casefold()
                and None not in (other.price_per_1k_tokens, used.price_per_1k_tokens)
                and other.price_per_1k_tokens < used.price_per_1k_tokens
                for other in offers
            )


@given(consumption, offers_of_any_kind, st.builds(an_offer, st.just(99), price_per_1k_tokens=prices))
def test_one_more_offer_never_saves_less(
    consumed: dict[int, int], offers: list[Offer], another: Offer
) -> None:
    before, after = lock_in(consumed, offers), lock_in(consumed, [*offers, another])
    assert before is not None
    assert after is not None
    assert after.saved >= before.saved


@given(consumption, offers_of_any_kind, st.randoms())
def test_the_order_of_the_offers_does_not_matter(
    consumed: dict[int, int], offers: list[Offer], random: Any
) -> None:
    shuffled = random.sample(offers, len(offers))
    assert lock_in(consumed, offers) == lock_in(consumed, shuffled)


@given(st.integers(1, 2**53 - 1), st.integers(1, 2**53 - 1))
def test_more_of_the_largest_is_more_concentrated(tokens: int, more: int) -> None:
    offers = [an_offer(1), an_offer(2)]
    before, after = lock_in({1: tokens, 2: tokens}, offers), lock_in({1: tokens + more, 2: tokens}, offers)
    assert before is not None
    assert after is not None
    assert before.index is not None
    assert after.index is not None
    assert after.index > before.index == Fraction(1, 2)
