"""In which order offers that fit are taken; every order ends in the Exchange's number: ties never move.

Services:

- ``cheapest``: price, name, number.
- ``most-trial``: most trial tokens first, then as cheapest.
- ``least-used-by-me``: fewest tokens that the account consumed from that service in the last 30 days, then as
  cheapest. Where consumption cannot be known: as cheapest.
- ``spread``: fewest tokens that the account consumed in the last 30 days from that offer's provider, all its
  services together, then as cheapest: load goes to the provider that has had least of it. It moves when
  consumption is recorded, not when something is chosen. Where consumption cannot be known, providers take
  turns by the hour: the same one for an account within an hour of UTC, drawn anew in the next, each as likely
  as any other; of its services, as cheapest.
- ``longest-standing``: lowest number first; an Exchange gives them out in turn.

Providers: the same, by the cheapest of their fitting offers (then the provider's number; those that offer
nothing come last), by the most trial tokens among them, and by what was consumed from the provider, which
makes ``least-used-by-me`` and ``spread`` the same where consumption is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from catalog.choosing_criteria import Offer, Seller


class Strategy(StrEnum):
    """Which of the offers that fit is taken; the module's text says how exactly."""

    CHEAPEST = "cheapest"
    MOST_TRIAL = "most-trial"
    LEAST_USED = "least-used-by-me"
    SPREAD = "spread"
    LONGEST_STANDING = "longest-standing"

    @property
    def needs_consumption(self) -> bool:
        return self in (Strategy.LEAST_USED, Strategy.SPREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Tokens that the account consumed in the last 30 days, by number; None where that cannot be known."""

    by_service: Mapping[int, int] | None = None
    by_provider: Mapping[int, int] | None = None
    turn: str = ""
    """What decides whose turn it is where nothing else can; see ``turn_of``."""


def turn_of(account: int, now: datetime) -> str:
    """One for an account and an hour of UTC."""
    return f"{account}:{now.astimezone(UTC):%Y-%m-%dT%H}"


def cheapest(offer: Offer) -> tuple[Decimal, str, int]:
    return offer.price_per_1k_tokens, offer.name, offer.number


def service_order(strategy: Strategy, used: Used) -> Callable[[Offer], Any]:
    """The order in which fitting services are taken, as a sort key."""
    by_service, by_provider = used.by_service, used.by_provider
    match strategy:
        case Strategy.MOST_TRIAL:
            return lambda offer: (-offer.trial_tokens, cheapest(offer))
        case Strategy.LEAST_USED if by_service is not None:
            return lambda offer: (by_service.get(offer.number, 0), cheapest(offer))
        case Strategy.SPREAD if by_provider is not None:
            return lambda offer: (by_provider.get(offer.seller.number, 0), cheapest(offer))
        case Strategy.SPREAD:
            return lambda offer: (_lot(used.turn, offer.seller.number), cheapest(offer))
        case Strategy.LONGEST_STANDING:
            return lambda offer: offer.number
        case _:
            return cheapest


def provider_order(strategy: Strategy, used: Used) -> Callable[[tuple[Seller, Sequence[Offer]]], Any]:
    """The order in which fitting providers, each with its fitting offers, are taken, as a sort key."""
    by_provider = used.by_provider
    match strategy:
        case Strategy.MOST_TRIAL:
            return lambda one: (-max((o.trial_tokens for o in one[1]), default=0), _cheapest_seller(*one))
        case Strategy.LEAST_USED | Strategy.SPREAD if by_provider is not None:
            return lambda one: (by_provider.get(one[0].number, 0), _cheapest_seller(*one))
        case Strategy.SPREAD:
            return lambda one: (_lot(used.turn, one[0].number), one[0].number)
        case Strategy.LONGEST_STANDING:
            return lambda one: one[0].number
        case _:
            return lambda one: _cheapest_seller(*one)


def _cheapest_seller(seller: Seller, offers: Sequence[Offer]) -> tuple[bool, Decimal, int]:
    best = min((offer.price_per_1k_tokens for offer in offers), default=Decimal(0))
    return not offers, best, seller.number


def _lot(turn: str, provider: int) -> bytes:
    # the lowest lot wins: one provider more or less moves nobody else's turn
    return hashlib.sha256(f"{turn}:{provider}".encode()).digest()
