"""What a price did: its changes as they were seen, and a small picture of them, drawn without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from django.db.models import OuterRef, Subquery

from catalog.models import PriceChange, PriceField, Provider, Service

LONGEST = 200
"""Of a price that moves all the time, only so many of its last changes are shown."""
LATELY = 20
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A price in USD per 1,000 tokens from a moment on; ``before`` is None for the first that was seen."""

    price: Decimal
    before: Decimal | None
    observed_at: datetime

    @property
    def share(self) -> Decimal | None:
        """The change as a share of the price before: 0.25 is a quarter more. None where there is no such."""
        if not self.before:
            return None
        return _EXACT.divide(_EXACT.subtract(self.price, self.before), self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A step line in an SVG's own units: ``line`` and ``area`` are paths, ``dot`` is where it ends."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    caption: int
    line: str
    area: str
    dot: tuple[str, str]
    highest: Decimal
    lowest: Decimal
    since: datetime
    until: datetime


def history_of(service: Service) -> list[Change]:
    """The last changes of its price, oldest first."""
    rows = PriceChange.objects.filter(service=service).order_by("-observed_at", "-id")[: LONGEST + 1]
    seen = list(reversed(rows))
    changes = [
        Change(
            price=row.price_per_1k_tokens,
            before=seen[place - 1].price_per_1k_tokens if place else None,
            observed_at=row.observed_at,
        )
        for place, row in enumerate(seen)
    ]
    return changes[-LONGEST:]


def changed_lately(provider: Provider) -> list[tuple[Service, Change]]:
    """The last changes among all the prices of a provider, newest first. A first price is no change."""
    earlier = PriceChange.objects.filter(service=OuterRef("service"), id__lt=OuterRef("id")).order_by("-id")
    before = Subquery(earlier.values("price_per_1k_tokens")[:1], output_field=PriceField())
    rows = (
        PriceChange.objects.filter(service__provider=provider)
        .annotate(before=before)
        .filter(before__isnull=False)
        .select_related("service")
        .order_by("-observed_at", "-id")[:LATELY]
    )
    return [
        (row.service, Change(price=row.price_per_1k_tokens, before=row.before, observed_at=row.observed_at))
        for row in rows
    ]


def draw(changes: Sequence[Change], until: datetime, *, width: int, height: int, margin: int = 28) -> Picture:
    """The prices as steps from the first change to ``until``. Raises ValueError where there is no change."""
    if not changes:
        raise ValueError("there is no price to draw")
    left, right, top, bottom = 6, width - 6, 12, height - margin
    # the lowest price stands clear of the ground: it is not nothing
    floor = bottom - (bottom - top) // 5
    since = changes[0].observed_at
    until = max(until, changes[-1].observed_at)
    highest, lowest = max(change.price for change in changes), min(change.price for change in changes)

    def across(moment: datetime) -> str:
        span = (until - since).total_seconds()
        share = (moment - since).total_seconds() / span if span else 0.0
        return _coordinate(left + share * (right - left))

    def down(price: Decimal) -> str:
        spread = highest - lowest
        share = float((highest - price) / spread) if spread else 0.5
        return _coordinate(top + share * (floor - top))

    steps = [f"M{left} {down(changes[0].price)}"]
    steps += [f"H{across(change.observed_at)}V{down(change.price)}" for change in changes[1:]]
    line = f"{''.join(steps)}H{right}"
    return Picture(
        width=width,
        height=height,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        caption=height - 8,
        line=line,
        area=f"{line}V{bottom}H{left}Z",
        dot=(str(right), down(changes[-1].price)),
        highest=highest,
        lowest=lowest,
        since=since,
        until=until,
    )


def _coordinate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
