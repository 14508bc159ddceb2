"""What one unit of the worker's work has done, and who may ask it to end early."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from usage.delivering.outcomes import Outcome
from usage.models import Delivery

State = Delivery.State


class Stopping(Protocol):
    """Something that says when to stop: catalog.watching.Stop."""

    asked: bool


@dataclass(slots=True, kw_only=True)
class Round:
    """What one unit of work did, in entries. ``deferred``: they wait again. ``expired``: their worker died.

    ``failure`` is why it ended early, or did nothing; ``refusals`` are the sentences of what was rejected.
    ``more``: there may be more to do right now.
    """

    delivered: int = 0
    rejected: int = 0
    uncertain: int = 0
    deferred: int = 0
    expired: int = 0
    paused_until: datetime | None = None
    failure: str = ""
    refusals: list[str] = field(default_factory=list)
    more: bool = False

    def add(self, outcome: Outcome) -> None:
        """Count one report."""
        match outcome.state:
            case State.DELIVERED:
                self.delivered += 1
            case State.REJECTED:
                self.rejected += 1
                self.refusals.append(outcome.error)
            case State.UNCERTAIN:
                self.uncertain += 1
            case _:
                self.deferred += 1

    def include(self, other: Round) -> None:
        """Add what a later round did."""
        self.delivered += other.delivered
        self.rejected += other.rejected
        self.uncertain += other.uncertain
        self.deferred += other.deferred
        self.expired += other.expired
        self.refusals += other.refusals
        self.paused_until, self.failure, self.more = other.paused_until, other.failure, other.more

    @property
    def has_news(self) -> bool:
        return bool(self.delivered or self.rejected or self.uncertain or self.deferred or self.expired)
