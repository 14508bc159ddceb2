"""Offerings side by side: what each costs, what its price did, what my last 30 days would have cost there.

``compare`` is a pure function of figures; ``catalog.comparing_rows`` reads them. Money is exact, in USD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from catalog.estimating import EXACT, cost_of

CENT = Decimal("0.01")
FEWEST, MOST = 2, 5
"""So many offerings stand side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """A service and what its price was; numbers are the Exchange's, prices in USD per 1,000 tokens."""

    number: int
    name: str
    model_family: str
    provider: int
    provider_name: str
    price_per_1k_tokens: Decimal
    trial_tokens: int
    listed_at: datetime
    delisted_at: datetime | None
    price_then: Decimal | None
    """The price in force when the time that is looked at began; None where the service was not known yet."""
    first_price: Decimal
    is_mine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMove:
    """What a price did, from ``before`` to now. ``is_new``: since it was first seen, not long ago."""

    kind: Literal["unchanged", "up", "down"]
    is_new: bool
    before: Decimal
    size: Decimal
    """By how much, without a sign."""
    percent: Decimal | None
    """The same to a tenth of a percent; None where the price was nothing before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One offering among the others."""

    offering: Offering
    is_cheapest: bool
    """Of those that can be bought; several at the same price all are."""
    over_cheapest: Decimal | None
    """Percent, to a tenth, by which it is dearer than the cheapest; None where there is nothing to say."""
    move: PriceMove
    cost: Decimal | None
    """What the tokens would cost here; None where it is not known how many they are."""

    @property
    def times_cheapest(self) -> Decimal | None:
        """How many times the cheapest's price, to a tenth, from twice on: 6,250 % says nothing to anybody."""
        if self.over_cheapest is None or self.over_cheapest < 100:
            return None
        return (1 + self.over_cheapest.scaleb(-2, EXACT)).quantize(Decimal("0.1"), ROUND_HALF_UP, EXACT)

    @property
    def cost_shown(self) -> Decimal | None:
        """To the cent; below one, exactly, because that is not nothing."""
        return None if self.cost is None else to_the_cent(self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Offerings side by side. ``tokens``: consumed in their model families; None where nobody can know."""

    columns: tuple[Column, ...]
    tokens: int | None
    families: tuple[str, ...]

    @property
    def alike(self) -> frozenset[str]:
        """The facts (fields of ``Offering``) in which two or more do not differ."""
        if len(self.columns) < FEWEST:
            return frozenset()
        facts = ("provider", "model_family", "price_per_1k_tokens", "trial_tokens")
        return frozenset(
            fact for fact in facts if len({getattr(column.offering, fact) for column in self.columns}) == 1
        )


def compare(
    offerings: Sequence[Offering],
    consumed_by_family: Mapping[str, int] | None,
    *,
    cheapest: Decimal | None = None,
) -> Comparison:
    """Put the offerings, in their order, side by side.

    ``consumed_by_family`` is tokens by model family (case does not matter), from any provider: all those of
    the families that are compared are priced at each offering. ``cheapest`` is the lowest price where there
    are more offerings than are shown; else it is found among these, and a single one is no cheapest.
    """
    if cheapest is None:
        on_offer = [one.price_per_1k_tokens for one in offerings if one.delisted_at is None]
        cheapest = min(on_offer) if len(on_offer) >= FEWEST else None
    families = {one.model_family.casefold(): one.model_family for one in reversed(offerings)}
    tokens = None
    if consumed_by_family is not None:
        tokens = sum(count for family, count in consumed_by_family.items() if family.casefold() in families)
    return Comparison(
        columns=tuple(_column(one, cheapest, tokens) for one in offerings),
        tokens=tokens,
        families=tuple(sorted(families.values(), key=str.casefold)),
    )


def to_the_cent(amount: Decimal) -> Decimal:
    """An amount in USD as people read it: to the cent, or exactly where it is less than one."""
    return amount if 0 < amount < CENT else amount.quantize(CENT, ROUND_HALF_UP, EXACT)


def price_move(offering: Offering) -> PriceMove:
    """What the price did since the time that is looked at began, or since the service was first seen."""
    before = offering.first_price if offering.price_then is None else offering.price_then
    now = offering.price_per_1k_tokens
    return PriceMove(
        kind="unchanged" if now == before else "up" if now > before else "down",
        is_new=offering.price_then is None,
        before=before,
        size=EXACT.subtract(now, before).copy_abs(),
        percent=_percent(now, before),
    )


def _column(offering: Offering, cheapest: Decimal | None, tokens: int | None) -> Column:
    price, on_offer = offering.price_per_1k_tokens, offering.delisted_at is None
    is_cheapest = on_offer and price == cheapest
    # what is delisted may have been cheaper than all that can be bought
    dearer = cheapest is not None and price > cheapest
    return Column(
        offering=offering,
        is_cheapest=is_cheapest,
        over_cheapest=_percent(price, cheapest) if cheapest is not None and dearer else None,
        move=price_move(offering),
        cost=None if tokens is None else cost_of(price, prompt_tokens=tokens, completion_tokens=0),
    )


def _percent(now: Decimal, before: Decimal) -> Decimal | None:
    if not before:
        return None
    share = EXACT.divide(EXACT.subtract(now, before).copy_abs(), before)
    return share.scaleb(2, EXACT).quantize(Decimal("0.1"), ROUND_HALF_UP, EXACT)
