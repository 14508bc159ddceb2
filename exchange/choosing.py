"""Choosing one provider or service out of many: the same choice for the same offers, whatever their order."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from exchange.errors import NoMatch
from exchange.sentences import Sentence, gettext_noop
from exchange.types import Provider, Service

Offer = TypeVar("Offer")


_NOTHING_THERE = {
    "provider": gettext_noop("The Exchange lists no provider yet."),
    "service": gettext_noop("The Exchange lists no service yet."),
}
_NOTHING_FITS = {
    "provider": gettext_noop("No provider fits what was asked; %(count)s looked at. Ask for less."),
    "service": gettext_noop("No service fits what was asked; %(count)s looked at. Ask for less."),
}


def cheapest(service: Service) -> tuple[Decimal, str, int]:
    """Order by price per 1,000 tokens, then by name, then by id."""
    return service.price_per_1k_tokens, service.name, service.id


def longest_standing(provider: Provider) -> int:
    """Order by id: an Exchange gives them out in turn."""
    return provider.id


def choose(
    offers: Iterable[Offer],
    predicates: Iterable[Callable[[Offer], bool]],
    order: Callable[[Offer], object],
    noun: str,
) -> Offer:
    """The first, in that order, of the offers that meet every predicate; raises NoMatch where none does."""
    looked_at = list(offers)
    conditions = list(predicates)
    fitting = [offer for offer in looked_at if all(fits(offer) for fits in conditions)]
    if fitting:
        return min(fitting, key=order)  # type: ignore[arg-type] # any order that sorts
    if not looked_at:
        raise NoMatch(Sentence(_NOTHING_THERE[noun]))
    raise NoMatch(Sentence(_NOTHING_FITS[noun], count=len(looked_at)))
