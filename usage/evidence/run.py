"""Going once through the entries: what is written of each, what they add up to, where they begin and end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts.models import ExchangeAccount
from usage.evidence import books
from usage.evidence.members import Write, encoded
from usage.evidence.statement import Window
from usage.evidence.verify import Sums
from usage.models import LedgerEntry
from usage.models.entry import GENESIS_HASH

Progress = Callable[[int, int], object]
"""Called with how many entries are written, of how many."""


class Run:
    """One export's way through the entries of its segment. What is said of them is of this one reading."""

    def __init__(self, segment: books.Segment, sums: Sums, progress: Progress | None = None) -> None:
        self.segment, self.sums, self.count = segment, sums, 0
        self.broken = 0
        """Entries whose hash, or place in the chain, does not hold."""
        self._progress = progress
        self._first: LedgerEntry | None = None
        self._last: LedgerEntry | None = None
        self._numbers: tuple[int, int] | None = None

    def read(self, account: ExchangeAccount, *, write_entry: Write, write_receipt: Write) -> None:
        """Write a line of each entry, and one of its receipt."""
        total = (self.segment.last_seq or 0) - (self.segment.first_seq or 1) + 1
        for row in books.read(account, self.segment):
            line = books.entry_line(row, self.segment)
            write_entry(encoded(line) + b"\n")
            write_receipt(encoded(books.receipt_line(row)) + b"\n")
            self.sums.add(line, row.state)
            self.broken += not books.holds(line, self._last)
            self._note(row)
            if self._progress and (self.count % books.AT_ONCE == 0 or self.count == total):
                self._progress(self.count, total)

    @property
    def ends(self) -> dict[str, Any]:
        """chain.json: between which hashes the entries stand, and the newest of the books."""
        segment, first, last = self.segment, self._first, self._last
        return {
            "chain": None if segment.chain_id is None else str(segment.chain_id),
            "exchange": segment.exchange,
            "first_seq": first.seq if first else None,
            "first_prev_hash": first.prev_hash if first else GENESIS_HASH,
            "last_seq": last.seq if last else None,
            "last_hash": last.hash if last else GENESIS_HASH,
            "head_seq": segment.head_seq,
            "head_hash": segment.head_hash,
        }

    @property
    def window(self) -> Window | None:
        """Which lines of the Exchange's statement belong to these entries."""
        if self.segment.is_whole:
            return Window()
        return Window(after_id=self._numbers[0] - 1, last_id=self._numbers[1]) if self._numbers else None

    def _note(self, row: books.Row) -> None:
        self.count += 1
        self._first, self._last = self._first or row.entry, row.entry
        number = row.delivery.exchange_entry_id if row.delivery else None
        if number is not None:
            least, most = self._numbers or (number, number)
            self._numbers = (min(least, number), max(most, number))
