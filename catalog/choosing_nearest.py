"""When nothing fits: what came nearest, and what it misses by how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _

from catalog.choosing_criteria import MEASURED, Criteria, Miss, Offer, Seller, misses_of
from catalog.estimating import EXACT
from exchange import NoMatch
from exchange.text import clean_text

Candidate = tuple[Seller, Offer | None]


@dataclass(frozen=True, slots=True)
class Nearest:
    """What came nearest; ``offer`` is None for a provider that offers nothing."""

    seller: Seller
    offer: Offer | None
    misses: tuple[Miss, ...]


class NothingFits(NoMatch):
    """Nothing on offer meets all that was asked. ``nearest`` is None where nothing is on offer at all."""

    def __init__(self, sentence: str, nearest: Nearest | None = None) -> None:
        super().__init__(sentence)
        self.nearest = nearest


def no_service(criteria: Criteria, offers: Iterable[Offer]) -> NothingFits:
    """The error that says which service came nearest."""
    named = [(offer.name, offer.seller, offer) for offer in offers]
    if not named:
        return NothingFits(_("The Exchange lists no service yet."))
    nearest = _nearest(criteria, named)
    offer = nearest.offer
    assert offer is not None  # noqa: S101 - each was made with one
    what = _("%(name)s (service %(number)s, %(provider)s)") % {
        "name": clean_text(offer.name, 80),
        "number": offer.number,
        "provider": clean_text(offer.seller.name, 80),
    }
    said = _("No service fits. Nearest: %(what)s: %(why)s.")
    return NothingFits(said % {"what": what, "why": _why(criteria, nearest)}, nearest)


def no_provider(criteria: Criteria, candidates: Iterable[Candidate]) -> NothingFits:
    """The error that says which provider came nearest."""
    named = [(seller.name, seller, offer) for seller, offer in candidates]
    if not named:
        return NothingFits(_("The Exchange lists no provider yet."))
    nearest = _nearest(criteria, named)
    what = _("%(name)s (provider %(number)s)") % {
        "name": clean_text(nearest.seller.name, 80),
        "number": nearest.seller.number,
    }
    said = _("No provider fits. Nearest: %(what)s: %(why)s.")
    return NothingFits(said % {"what": what, "why": _why(criteria, nearest)}, nearest)


def _nearest(criteria: Criteria, named: Iterable[tuple[str, Seller, Offer | None]]) -> Nearest:
    """Fewest misses of kind, then of measure, then the smallest measure; then the lowest price and number."""
    misses = misses_of(criteria)
    found = [Nearest(seller, offer, misses(name, seller, offer)) for name, seller, offer in named]
    fewest = min(map(_misses, found))
    return min(
        (near for near in found if _misses(near) == fewest),
        key=lambda near: (_distance(criteria, near), *_tie(near)),
    )


def _misses(near: Nearest) -> tuple[int, int]:
    measured = sum(miss in MEASURED for miss in near.misses)
    return len(near.misses) - measured, measured


def _distance(criteria: Criteria, near: Nearest) -> Fraction:
    """The excess as a share of the limit, and the shortfall of what was asked, together."""
    distance = Fraction(0)
    if near.offer is not None and Miss.PRICE in near.misses and criteria.max_price_per_1k is not None:
        limit = Fraction(criteria.max_price_per_1k)
        # of a limit of nothing there is no share: the price itself, in dollars
        distance += (Fraction(near.offer.price_per_1k_tokens) - limit) / (limit or 1)
    if near.offer is not None and Miss.TRIAL in near.misses:
        distance += Fraction(criteria.min_trial_tokens - near.offer.trial_tokens, criteria.min_trial_tokens)
    return distance


def _tie(near: Nearest) -> tuple[Decimal, int, int]:
    if near.offer is None:
        return Decimal(0), near.seller.number, 0
    return near.offer.price_per_1k_tokens, near.seller.number, near.offer.number


def _why(criteria: Criteria, near: Nearest) -> str:
    return "; ".join(_words(criteria, near, miss) for miss in near.misses)


def _words(criteria: Criteria, near: Nearest, miss: Miss) -> str:
    match miss, near.offer:
        case Miss.PRICE, Offer() as offer if criteria.max_price_per_1k is not None:
            return _("$%(price)s per 1K tokens, $%(excess)s above your limit of $%(limit)s") % {
                "price": f"{offer.price_per_1k_tokens:f}",
                "excess": f"{EXACT.subtract(offer.price_per_1k_tokens, criteria.max_price_per_1k):f}",
                "limit": f"{criteria.max_price_per_1k:f}",
            }
        case Miss.TRIAL, Offer() as offer:
            return _("%(trial)s trial tokens, %(short)s fewer than the %(asked)s that you ask for") % {
                "trial": f"{offer.trial_tokens:,}",
                "short": f"{criteria.min_trial_tokens - offer.trial_tokens:,}",
                "asked": f"{criteria.min_trial_tokens:,}",
            }
        case Miss.MODEL_FAMILY, Offer() as offer:
            return _("its model family is %(family)s, not %(asked)s") % {
                "family": clean_text(offer.model_family, 80),
                "asked": clean_text(criteria.model_family, 80),
            }
        case Miss.NAME, _:
            return _("its name does not contain “%(asked)s”") % {"asked": clean_text(criteria.name, 80)}
        case Miss.EXCLUDED, _:
            return _("you leave this provider out")
        case _:
            return _("it offers no service")
