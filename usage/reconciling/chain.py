"""Whether the Exchange's own book holds: its hash chain, line by line, and its totals against its lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from exchange import GENESIS_HASH, StatementEntry, UsageSummary, statement_hash
from exchange.fields import INT64_MAX


class Break(NamedTuple):
    """Where their book first breaks: the reason's name (see reconciling_words), and their line's number."""

    code: str
    line_id: int | None = None


class Mark(NamedTuple):
    """A line that an earlier run saw, and its hash then."""

    line_id: int
    hash: str


@dataclass(slots=True)
class TheirChain:
    """Fed every line in order; ``problem`` is the first thing that does not hold.

    ``summary`` must have been read before the statement: a statement read later holds at least as much.
    ``mark`` is the newest line of an earlier run: a chain that now leads elsewhere has been rewritten.
    """

    summary: UsageSummary
    mark: Mark | None = None
    last_id: int = 0
    last_hash: str = GENESIS_HASH
    lines: int = 0
    consumed: int = 0
    supplied: int = 0
    problem: Break | None = None
    _marked: bool = field(default=False)

    def add(self, line: StatementEntry) -> None:
        """Check a line against the one before it, and go on from what it says of itself."""
        if line.id <= self.last_id:
            self._broken("order", line.id)
        if line.prev_hash != self.last_hash:
            self._broken("link", line.id)
        if line.hash != _hash_of(line):
            self._broken("hash", line.id)
        if self.mark and line.id == self.mark.line_id:
            self._marked = True
            if line.hash != self.mark.hash:
                self._broken("rewritten", line.id)
        self.last_id, self.last_hash = line.id, line.hash
        self.lines += 1
        tokens = line.prompt_tokens + line.completion_tokens
        if line.direction == "consume":
            self.consumed += tokens
        else:
            self.supplied += tokens
        if max(self.consumed, self.supplied) > INT64_MAX:  # more than any totals, or a database, can say
            self._broken("sums", line.id)
        if self.lines == self.summary.entry_count:
            self._check_totals()

    def finish(self) -> None:
        """The statement has ended: whether it is as long as their totals say, and as it was before."""
        count = self.summary.entry_count
        if count is not None and self.lines < count:
            self._broken("short", self.last_id or None)
        if count is None and (
            self.consumed < self.summary.consumed_tokens or self.supplied < self.summary.supplied_tokens
        ):
            self._broken("sums", self.last_id or None)
        if count == 0 and (self.summary.consumed_tokens or self.summary.supplied_tokens):
            self._broken("sums", None)
        if self.mark and not self._marked:
            self._broken("rewritten", self.mark.line_id)

    def _check_totals(self) -> None:
        tip = self.summary.ledger_hash
        if tip and tip != self.last_hash:
            self._broken("tip", self.last_id)
        if (self.consumed, self.supplied) != (self.summary.consumed_tokens, self.summary.supplied_tokens):
            self._broken("sums", self.last_id)

    def _broken(self, code: str, line_id: int | None) -> None:
        self.problem = self.problem or Break(code, line_id)


def _hash_of(line: StatementEntry) -> str:
    try:
        return statement_hash(line.prev_hash, line.raw)
    except ValueError:  # text that UTF-8 cannot say has no hash
        return ""
