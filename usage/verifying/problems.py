"""What can be wrong with an account's books, and the list of what is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

MOST_KEPT = 100_000
"""Problems that are named; of a table that was changed as a whole, the rest is counted."""


class Kind(models.TextChoices):
    # the entry's hash is not that of its content
    CHANGED = "changed", _("Changed")
    # the hash fits the content, but the entry after it, or the head, was made after another one
    REPLACED = "replaced", _("Replaced")
    # the entry stands under another number than it was recorded with
    MOVED = "moved", _("Moved")
    INSERTED = "inserted", _("Inserted")
    MISSING = "missing", _("Missing")
    # no entry fits the chain's id and the Exchange's URL: one of these was changed
    IDENTITY = "identity", _("Chain's identity")
    # something that the ledger never writes: another cost than tokens × price, attributes in another form
    CONTENT = "content", _("Content")
    # what it reverses is not there, or is not what it repeats
    REVERSAL = "reversal", _("Reversal")
    # the chain's newest number or hash is not that of its last entry
    HEAD = "head", _("Head")
    # derived figures, which verify_ledger --rebuild-rollups makes again
    TOTALS = "totals", _("Totals")
    ROLLUP = "rollup", _("Rollup")
    TALLY = "tally", _("Tally")
    # missing, without an entry, or of another account, Exchange, number or time than its entry
    DELIVERY = "delivery", _("Delivery")
    TRIGGER = "trigger", _("Trigger")
    # the Exchange's statement counts something else than what stands here
    STATEMENT = "statement", _("Exchange's statement")
    # the head log names an entry that does not stand here
    HEAD_LOG = "head_log", _("Head log")


DERIVED = frozenset({Kind.TOTALS, Kind.ROLLUP, Kind.TALLY})
"""What can be made again from the entries."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; ``seq`` is the entry's number where it is about one."""

    seq: int | None
    kind: str
    message: str


class Problems:
    """Collects problems: those of the chain also say from which number on it does not hold."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.beyond: Counter[str] = Counter()
        self.breaks_at: int | None = None

    def add(self, seq: int | None, kind: Kind, message: str) -> None:
        seq = seq if type(seq) is int else None  # SQLite keeps text as a number, too
        if len(self.kept) < MOST_KEPT:
            self.kept.append(Problem(seq, kind.value, message))
        else:
            self.beyond[kind.value] += 1

    def add_break(self, seq: int, kind: Kind, message: str) -> None:
        """A problem through which nothing later confirms this entry or those before it."""
        self.breaks_at = seq if self.breaks_at is None else min(self.breaks_at, seq)
        self.add(seq, kind, message)

    def sorted(self) -> list[Problem]:
        """By number, those about no entry last; and how many more there are of what was not kept."""
        more = [
            Problem(None, kind, f"And {count:,} more problems of this kind.")
            for kind, count in sorted(self.beyond.items())
        ]
        return sorted(self.kept, key=lambda one: (one.seq is None, one.seq or 0)) + more
