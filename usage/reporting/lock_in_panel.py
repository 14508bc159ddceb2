"""How much an account depends on one provider, for the pages: tokens of the ledger at today's prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import ExchangeAccount
from catalog.comparing import to_the_cent
from catalog.freshness import freshness_of
from catalog.lock_in import LockIn, Saving, Share, lock_in
from catalog.lock_in_rows import offers_for

SHOWN = 5
"""Providers and savings that are shown by name; the rest is summed up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A provider's piece of the bar, in per cent of it; without a name: all others together."""

    share: Share | None
    x: str
    width: str
    percent: Decimal
    shade: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Shares, the index with its sentence, and what the same tokens would cost elsewhere today."""

    lock_in: LockIn
    segments: tuple[Segment, ...]
    others: int
    """Providers that are not shown by name."""
    savings: tuple[tuple[Saving, Decimal], ...]
    """The largest, each with its amount as it is shown, in USD."""
    saved: Decimal

    @property
    def is_empty(self) -> bool:
        return not self.lock_in.tokens


def panel_of(
    account: ExchangeAccount, consumed: Mapping[int, int], shown: int = SHOWN, savings: int = SHOWN
) -> Panel:
    """The panel for tokens consumed by service number; reads the kept catalogue alone.

    So many providers and savings are shown by name.
    """
    version = freshness_of(account.exchange).version if consumed else ""
    found = lock_in(consumed, offers_for(account.exchange, consumed, version))
    assert found is not None  # noqa: S101 - what was consumed is known
    return Panel(
        lock_in=found,
        segments=_segments(found, shown),
        others=max(len(found.shares) - shown, 0),
        savings=tuple((saving, to_the_cent(saving.saved)) for saving in found.savings[:savings]),
        saved=to_the_cent(found.saved),
    )


def _segments(found: LockIn, shown: int) -> tuple[Segment, ...]:
    pieces: list[tuple[Share | None, Decimal]] = [(share, share.percent) for share in found.shares[:shown]]
    rest = sum((share.percent for share in found.shares[shown:]), Decimal(0))
    if found.shares[shown:]:
        pieces.append((None, rest))
    segments, x = [], Decimal(0)
    for shade, (share, percent) in enumerate(pieces):
        segments.append(
            Segment(
                share=share, x=f"{x}", width=f"{percent}", percent=percent, shade=shade if share else SHOWN
            )
        )
        x += percent
    return tuple(segments)
