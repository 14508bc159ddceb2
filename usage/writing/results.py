"""What became of a wish to record or to reverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from usage.models import LedgerEntry

Status = Literal["recorded", "duplicate", "conflict", "invalid"]


class EntryConflict(ValueError):  # noqa: N818 - said of the entry
    """The same ``entry_id`` stands in the ledger with other content; ``entry`` is what is there."""

    def __init__(self, entry: LedgerEntry, sentence: str) -> None:
        super().__init__(sentence)
        self.entry = entry
        self.sentence = sentence


class NotReversible(ValueError):  # noqa: N818 - said of the entry
    """The entry cannot be reversed, or not yet; ``sentence`` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one draft.

    ``entry`` is what is in the ledger under its id: the new one, or the one that was there; None if invalid,
    and then ``field`` and ``error`` say why. ``over_budget``: its key went beyond its budget with it.
    """

    entry_id: UUID | None
    status: Status
    entry: LedgerEntry | None = None
    field: str = ""
    error: str = ""
    over_budget: bool = False

    @property
    def seq(self) -> int | None:
        """The entry's number."""
        return self.entry.seq if self.entry else None
