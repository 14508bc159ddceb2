"""Totals against totals: what the Exchange may show if both books are right, and how far it lies outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, Sum, Value

from accounts.models import ExchangeAccount
from usage.models import Delivery, DeliveryQueue, DeliveryTally

State = Delivery.State
RETRIED = "retried"
"""Pending after an attempt, or since before a backup was restored: where repeats count once, such an entry
waits to be sent again, and may have been counted."""

UNDELIVERED = (State.PENDING, State.SENDING, State.UNCERTAIN, State.REJECTED)


class Figures(NamedTuple):
    """Entries, tokens and nano-dollars; ``cost`` of what was consumed, ``revenue`` of what was supplied."""

    entries: int = 0
    consumed_tokens: int = 0
    supplied_tokens: int = 0
    cost_nanos: int = 0
    revenue_nanos: int = 0

    @property
    def net_tokens(self) -> int:
        """Supplied minus consumed."""
        return self.supplied_tokens - self.consumed_tokens

    def plus(self, *others: Figures) -> Figures:
        return Figures(*(sum(column) for column in zip(self, *others, strict=True)))

    def minus(self, other: Figures) -> Figures:
        return Figures(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    def document(self) -> dict[str, int]:
        return {**self._asdict(), "net_tokens": self.net_tokens}


@dataclass(frozen=True, slots=True)
class Books:
    """Our side at one instant, by state of delivery; tokens as the Exchange counts them."""

    by_state: dict[str, Figures]

    def of(self, *states: str) -> Figures:
        return Figures().plus(*(self.by_state.get(state, Figures()) for state in states))

    @property
    def delivered(self) -> Figures:
        """What the Exchange has counted for certain."""
        return self.of(State.DELIVERED)

    @property
    def at_most(self) -> Figures:
        """What it may have counted: with all that was sent, and whose outcome is not known."""
        return self.of(State.DELIVERED, State.SENDING, State.UNCERTAIN, RETRIED)

    @property
    def in_all(self) -> Figures:
        """What our book says: reversals taken off, whether it was delivered or not."""
        # a withdrawn entry and its reversal make nothing; a local reversal takes off what was delivered
        return self.of(State.DELIVERED, *UNDELIVERED).minus(self.of(State.LOCAL))


class Span(NamedTuple):
    """From the least to the most that a figure can be."""

    least: int
    most: int

    @property
    def off(self) -> int:
        """How far it is from nothing at the least: 0 where nothing is within."""
        return max(self.least, 0) or min(self.most, 0)

    def meeting(self, other: Span) -> Span | None:
        """Where both are, if they meet: then they may be the same."""
        both = Span(max(self.least, other.least), min(self.most, other.most))
        return both if both.least <= both.most else None


class Surplus(NamedTuple):
    """What the Exchange shows beyond ours, by direction, in tokens; negative where it shows less."""

    consumed: Span
    supplied: Span

    @property
    def off(self) -> bool:
        """Whether the totals differ, whatever became of what is under way."""
        return bool(self.consumed.off or self.supplied.off)

    def meeting(self, other: Surplus) -> Surplus | None:
        consumed, supplied = self.consumed.meeting(other.consumed), self.supplied.meeting(other.supplied)
        return Surplus(consumed, supplied) if consumed and supplied else None


def surplus(theirs: tuple[int, int], opening: tuple[int, int], *, least: Figures, most: Figures) -> Surplus:
    """Their totals (consumed, supplied), without the opening balance, against the range of ours.

    ``least`` was delivered before theirs were read; ``most`` is all that can have been counted by then.
    """
    ours = (
        Span(least.consumed_tokens, most.consumed_tokens),
        Span(least.supplied_tokens, most.supplied_tokens),
    )
    spans = [
        Span(their - opened - our.most, their - opened - our.least)
        for their, opened, our in zip(theirs, opening, ours, strict=True)
    ]
    return Surplus(*spans)


def books_of(account: ExchangeAccount) -> Books:
    """How our books stand now: one statement, so that nothing moves between two states while it is read."""
    kept = DeliveryTally.objects.filter(account=account).values_list(
        "state", "direction", "entries", "tokens", "cost_nanos"
    )
    restored = DeliveryQueue.objects.filter(
        exchange=OuterRef("exchange"), restored_at__gt=OuterRef("entry__recorded_at")
    )
    retried = (
        Delivery.objects.filter(Q(attempts__gt=0) | Exists(restored), account=account, state=State.PENDING)
        .values(direction=F("entry__direction"))
        .annotate(
            entries=Count("pk"),
            tokens=Sum(F("entry__prompt_tokens") + F("entry__completion_tokens")),
            cost_nanos=Sum("entry__cost_nanos", default=0),
            now=Value(RETRIED),
        )
        .values_list("now", "direction", "entries", "tokens", "cost_nanos")
    )
    proved = account.exchange.idempotency_proved_at is not None
    return _books(kept.union(retried, all=True) if proved else kept)


def _books(rows: Iterable[tuple[str, str, int, int, int]]) -> Books:
    by_state: defaultdict[str, Figures] = defaultdict(Figures)
    for state, direction, entries, tokens, nanos in rows:
        if direction == "consume":
            figures = Figures(entries=entries, consumed_tokens=int(tokens), cost_nanos=int(nanos))
        else:
            figures = Figures(entries=entries, supplied_tokens=int(tokens), revenue_nanos=int(nanos))
        by_state[state] = by_state[state].plus(figures)
    return Books(dict(by_state))
