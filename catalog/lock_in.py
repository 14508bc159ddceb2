"""How much an account depends on one provider, and what it would save elsewhere: pure figures, no database.

Money is exact and in USD, at the prices of the offers that are given, which are today's: what was agreed at
the time is in the ledger.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _

from catalog.estimating import EXACT, cost_of

TENTHS = 1000
"""Percentages are shown to a tenth, and a hundred has so many of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A service, listed or not any more; numbers are the Exchange's, the price in USD per 1,000 tokens."""

    number: int
    name: str
    model_family: str
    provider: int
    provider_name: str
    price_per_1k_tokens: Decimal | None
    listed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What came from one provider: exactly, and as the percentage to show; all of these make up 100.0."""

    provider: int
    provider_name: str
    tokens: int
    share: Fraction
    percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """The same tokens of the same model family from the cheapest other provider."""

    used: Offer
    tokens: int
    cost: Decimal
    alternative: Offer
    alternative_cost: Decimal

    @property
    def saved(self) -> Decimal:
        return EXACT.subtract(self.cost, self.alternative_cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockIn:
    """How the consumption is spread. ``index`` is None where nothing came from a provider that is known."""

    tokens: int
    shares: tuple[Share, ...]
    """The largest first."""
    index: Fraction | None
    """The Herfindahl index: the sum of the squared shares, from 1/n (n providers alike) to 1 (one alone)."""
    savings: tuple[Saving, ...]
    """The largest first."""
    unknown: Mapping[int, int]
    """Tokens by service number whose provider nobody knows: in no share and in no saving."""
    unpriced: Mapping[int, int]
    """Tokens by service number whose price nobody knows: in the shares, and in no saving."""

    @property
    def saved(self) -> Decimal:
        total = Decimal(0)
        for saving in self.savings:
            total = EXACT.add(total, saving.saved)
        return total

    @property
    def sentence(self) -> str:
        """The index explained to a person."""
        if not self.tokens:
            return _("Nothing was consumed in this time, so there is nothing to depend on.")
        if self.index is None:
            return _("The providers of what was consumed are not known here, so no share can be told.")
        said = self._explained(self.index)
        if not self.unknown:
            return said
        left_out = _("%(tokens)s tokens of services that are not known here are left out.")
        return f"{said} {left_out % {'tokens': f'{sum(self.unknown.values()):,}'}}"

    def _explained(self, index: Fraction) -> str:
        if index == 1:
            return _(
                "Everything comes from %(provider)s: the Herfindahl index, the sum of the squared shares, "
                "is 1, which is as concentrated as can be."
            ) % {"provider": self.shares[0].provider_name}
        return _(
            "The Herfindahl index, the sum of the squared shares, is %(index)s: as if you bought in equal "
            "parts from %(alike)s providers. 1 would be all from one, and %(even)s your %(count)s alike."
        ) % {
            # rounded down: 1.000 would say that it all comes from one
            "index": f"{Decimal(int(index * 1000)).scaleb(-3):f}",
            "alike": f"{float(1 / index):.1f}",
            "count": len(self.shares),
            "even": f"{1 / len(self.shares):.3f}",
        }


def lock_in(consumed: Mapping[int, int] | None, offers: Iterable[Offer]) -> LockIn | None:
    """Shares, concentration and savings of what was consumed (tokens by service number) against these offers.

    None where consumption cannot be known. Offers must hold the services consumed and, for savings, all
    others of their families. An alternative is listed, of the same model family (case does not matter), of
    another provider, and strictly cheaper; of several the cheapest, then by name and number.
    """
    if consumed is None:
        return None
    by_number = {offer.number: offer for offer in offers}
    positive = {number: tokens for number, tokens in consumed.items() if tokens > 0}
    used = {by_number[number]: tokens for number, tokens in positive.items() if number in by_number}
    shares = _shares(used)
    return LockIn(
        tokens=sum(positive.values()),
        shares=shares,
        index=sum((share.share**2 for share in shares), Fraction(0)) if shares else None,
        savings=_savings(used, by_number.values()),
        unknown={number: tokens for number, tokens in positive.items() if number not in by_number},
        unpriced={o.number: tokens for o, tokens in used.items() if o.price_per_1k_tokens is None},
    )


def _shares(used: Mapping[Offer, int]) -> tuple[Share, ...]:
    tokens_of: Counter[int] = Counter()
    names: dict[int, str] = {}
    for offer, tokens in used.items():
        tokens_of[offer.provider] += tokens
        names[offer.provider] = offer.provider_name
    total = tokens_of.total()
    ordered = sorted(tokens_of.items(), key=lambda one: (-one[1], one[0]))
    percents = _percents([tokens for _provider, tokens in ordered])
    return tuple(
        Share(
            provider=provider,
            provider_name=names[provider],
            tokens=tokens,
            share=Fraction(tokens, total),
            percent=percent,
        )
        for (provider, tokens), percent in zip(ordered, percents, strict=True)
    )


def _percents(parts: list[int]) -> list[Decimal]:
    """Percentages to a tenth that make up 100.0: what rounding down leaves goes to the largest remainders."""
    total = sum(parts)
    tenths = [part * TENTHS // total for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-(parts[i] * TENTHS % total), i))
    for i in by_remainder[: TENTHS - sum(tenths)]:
        tenths[i] += 1
    return [Decimal(count).scaleb(-1) for count in tenths]


def _savings(used: Mapping[Offer, int], offers: Iterable[Offer]) -> tuple[Saving, ...]:
    families: defaultdict[str, list[tuple[Decimal, str, int, Offer]]] = defaultdict(list)
    for offer in offers:
        if offer.listed and offer.price_per_1k_tokens is not None:
            families[offer.model_family.casefold()].append(
                (offer.price_per_1k_tokens, offer.name, offer.number, offer)
            )
    found = []
    for offer, tokens in used.items():
        price = offer.price_per_1k_tokens
        others = [one for one in families[offer.model_family.casefold()] if one[3].provider != offer.provider]
        if price is None or not others:
            continue
        cheapest, _name, _number, alternative = min(others, key=lambda one: one[:3])
        if cheapest < price:
            found.append(
                Saving(
                    used=offer,
                    tokens=tokens,
                    cost=_cost(price, tokens),
                    alternative=alternative,
                    alternative_cost=_cost(cheapest, tokens),
                )
            )
    return tuple(sorted(found, key=lambda saving: (-saving.saved, saving.used.number)))


def _cost(price_per_1k_tokens: Decimal, tokens: int) -> Decimal:
    # prompt and completion tokens cost the same: only their sum counts
    return cost_of(price_per_1k_tokens, prompt_tokens=tokens, completion_tokens=0)
