"""Going along a chain: every hash computed again, each entry held against the one before it.

An entry is in order if its own hash is that of its content and its ``prev_hash`` is the stored hash of the
entry before it. So one entry that was changed is one problem, however many follow it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from usage.models.entry import GENESIS_HASH
from usage.verifying.problems import Kind, Problems
from usage.verifying.rows import AT, HASH, SEQ, Row

MOST_EXPLAINED = 200
"""Changed entries that are tried under each other's numbers, to say which of them only changed places."""
FARTHEST = 5
"""By how many at once the numbers behind an insertion or removal may have been moved to be recognised."""

PREV = AT["prev_hash"]
Digest = Callable[[Row], str | None]


class Walk:
    """Takes the entries one after another, in order, and names those that are not in order."""

    def __init__(self, digest: Digest, problems: Problems) -> None:
        self.entries = 0
        self.last_seq = 0
        self.last_hash = GENESIS_HASH
        self._digest = digest
        self._problems = problems
        self.last_fits = True
        self._before_last = ""
        self._shift = 0
        self._suspect: tuple[int, int] | None = None
        self._changed: dict[int, Row] = {}
        self._also_changed = array("q")

    def step(self, row: Row) -> bool:
        """The next entry; whether its content is what was recorded."""
        self.entries += 1
        own = row[HASH]
        if row[SEQ] == self.last_seq + 1 and row[PREV] == self.last_hash and self._digest(row) == own:
            self._before_last = self.last_hash
            self.last_fits, self.last_seq, self.last_hash, self._shift = True, row[SEQ], own, 0
            return True
        return self._judge(row)

    def finish(self) -> None:
        """Say what became of the entries that were changed, now that all have been seen."""
        if 1 < self.entries == len(self._changed) + len(self._also_changed):
            self._problems.add_break(
                1,
                Kind.IDENTITY,
                f"Not one of {self.entries:,} entries has the hash of its content: the chain's id or the "
                "Exchange's base URL was changed, or all of them were.",
            )
            return
        for seq, row in self._changed.items():
            was = self._recorded_as(row)
            if was is None:
                self._say_changed(seq)
            else:
                self._problems.add_break(
                    seq, Kind.MOVED, f"Entry {seq} is what was recorded as number {was}: it was moved."
                )
        for seq in self._also_changed:
            self._say_changed(seq)

    def _judge(self, row: Row) -> bool:
        seq, linked = row[SEQ], True
        if type(seq) is not int:
            self._problems.add_break(self.last_seq + 1, Kind.INSERTED, f"An entry has the number {seq!r}.")
            return False
        if seq <= self.last_seq:
            self._problems.add_break(seq, Kind.INSERTED, f"More than one entry has the number {seq}.")
            return False
        if seq > self.last_seq + 1:
            self._say_missing(self.last_seq + 1, seq - 1)
            linked = False
        fits = bool(self._digest(row) == row[HASH])
        if fits:
            self._shift = 0
        else:
            fits, linked = self._judge_hash(row, linked=linked)
        if linked and fits and self.last_fits and row[PREV] != self.last_hash:
            self._say_unlinked(row)
        self._before_last = self.last_hash
        self.last_fits, self.last_seq, self.last_hash = fits, seq, row[HASH]
        return fits

    def _judge_hash(self, row: Row, *, linked: bool) -> tuple[bool, bool]:
        """Whether only the number is another one, as after an insertion or removal that was closed up."""
        seq = row[SEQ]
        if self._shift and self._fits_as(row, seq - self._shift):
            return True, linked
        suspect, self._suspect = self._suspect, None
        for shift in (by for by in range(-FARTHEST, FARTHEST + 1) if by):
            if self._fits_as(row, seq - shift):
                if suspect == (seq - 1, shift):
                    self._say_shifted(seq - 1, shift)
                    self._shift = shift
                    return True, False
                self._suspect = (seq, shift)
                break
        if len(self._changed) < MOST_EXPLAINED:
            self._changed[seq] = row
        else:
            self._also_changed.append(seq)
        return False, linked

    def _fits_as(self, row: Row, seq: int) -> bool:
        return bool(self._digest((*row[:SEQ], seq, *row[SEQ + 1 :])) == row[HASH])

    def _recorded_as(self, row: Row) -> int | None:
        numbers = {*self._changed, *range(row[SEQ] - FARTHEST, row[SEQ] + FARTHEST + 1)}
        return next((seq for seq in sorted(numbers) if self._fits_as(row, seq)), None)

    def _say_changed(self, seq: int) -> None:
        self._problems.add_break(
            seq, Kind.CHANGED, f"Entry {seq} is not what was recorded: its hash is not that of its content."
        )

    def _say_missing(self, first: int, last: int) -> None:
        which = f"Entry {first} is missing." if first == last else f"Entries {first} to {last} are missing."
        self._problems.add_break(first, Kind.MISSING, which)

    def _say_shifted(self, first: int, shift: int) -> None:
        # what was taken for changed had only got another number
        self._changed.pop(first, None)
        if shift < 0:
            self._problems.add_break(
                first,
                Kind.MISSING,
                f"Before entry {first}, {-shift} were removed: it and those after it carry numbers too low.",
            )
            return
        for seq in range(first - shift, first):
            self._changed.pop(seq, None)
            self._problems.add_break(
                seq,
                Kind.INSERTED,
                f"Entry {seq} was inserted: from {first} on the numbers are {shift} too high.",
            )

    def _say_unlinked(self, row: Row) -> None:
        seq, last = row[SEQ], self.last_seq
        if last and row[PREV] == self._before_last:
            self._problems.add_break(
                last,
                Kind.INSERTED,
                f"Entry {last} was inserted: entry {seq} was recorded after number {last - 1}.",
            )
        elif last:
            self._problems.add_break(
                last,
                Kind.REPLACED,
                f"Entry {last} was replaced, and perhaps some before it: {seq} was recorded after another.",
            )
        else:
            self._problems.add_break(
                seq, Kind.REPLACED, f"Entry {seq} does not begin a chain: it was recorded after another."
            )
