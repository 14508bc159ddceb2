"""What is asked of an offer, and which of it an offer misses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Seller:
    """A provider as choosing sees it; ``number`` is the Exchange's."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A service on offer. The price is in USD per 1,000 tokens; ``number`` is the Exchange's."""

    number: int
    name: str
    model_family: str
    price_per_1k_tokens: Decimal
    trial_tokens: int
    seller: Seller


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What must be met, all of it. Case never matters; what is left empty is not asked.

    ``name`` is contained in the name of what is chosen: the service's, or the provider's. ``model_family`` is
    the whole family. ``max_price_per_1k`` is in USD per 1,000 tokens and still fits; ``min_trial_tokens``
    likewise. ``exclude`` leaves providers out: by the whole name, or by # and the Exchange's number (``#3``).
    """

    name: str = ""
    model_family: str = ""
    max_price_per_1k: Decimal | None = None
    min_trial_tokens: int = 0
    exclude: tuple[str, ...] = ()

    @property
    def ask_for_an_offer(self) -> bool:
        """Whether a provider that offers nothing cannot fit."""
        return bool(self.model_family) or self.max_price_per_1k is not None or self.min_trial_tokens > 0


class Miss(StrEnum):
    """One thing that was asked and is not met."""

    NAME = "name"
    EXCLUDED = "excluded"
    MODEL_FAMILY = "model_family"
    PRICE = "price"
    TRIAL = "trial"
    NO_OFFER = "no_offer"


MEASURED = frozenset({Miss.PRICE, Miss.TRIAL})
"""Misses by how much: who asks for gpt-4o would sooner pay a little more than take another family."""

MissesOf = Callable[[str, Seller, Offer | None], tuple[Miss, ...]]


def misses_of(criteria: Criteria) -> MissesOf:
    """A function of the name, the provider and its offer (None: it has none) that tells what is not met."""
    name, family = criteria.name.casefold(), criteria.model_family.casefold()
    excluded = {other.casefold() for other in criteria.exclude}
    limit, trial = criteria.max_price_per_1k, criteria.min_trial_tokens

    def misses(named: str, seller: Seller, offer: Offer | None) -> tuple[Miss, ...]:
        found = []
        if name and name not in named.casefold():
            found.append(Miss.NAME)
        if excluded and (seller.name.casefold() in excluded or f"#{seller.number}" in excluded):
            found.append(Miss.EXCLUDED)
        if offer is None:
            return (*found, Miss.NO_OFFER) if criteria.ask_for_an_offer else tuple(found)
        if family and offer.model_family.casefold() != family:
            found.append(Miss.MODEL_FAMILY)
        if limit is not None and offer.price_per_1k_tokens > limit:
            found.append(Miss.PRICE)
        if offer.trial_tokens < trial:
            found.append(Miss.TRIAL)
        return tuple(found)

    return misses
