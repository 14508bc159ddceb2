"""The chain against what outside the database confirms it: the head log and the Exchange's statement.

Both are read after the books, outside any transaction. Entries are never changed, so a line about an entry
that was recorded in the meantime finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db.models import QuerySet

from accounts.models import ExchangeAccount
from exchange import ExchangeError, StatementEntry
from usage.models import Chain, Delivery, LedgerEntry, OpeningBalance
from usage.verifying.head_lines import HeadLine, read_lines
from usage.verifying.problems import Kind, Problems

BATCH = 500
MOST_NAMED = 100
"""Lines of a statement without an entry that are named one by one."""

_OURS = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")


class Anchors:
    """Holds anchors against the chain as it was looked through, and keeps how far they confirm it."""

    def __init__(self, account: ExchangeAccount, chain: Chain, problems: Problems) -> None:
        self._account = account
        self._chain = chain
        self._problems = problems
        self._confirmed = 0
        self.unreadable = 0

    @property
    def unanchored_since(self) -> int | None:
        """The first entry that nothing outside confirms; None if all are confirmed."""
        return self._confirmed + 1 if self._confirmed < self._chain.seq else None

    def hold_against_log(self, path: str) -> None:
        """Compare every line of the head log about this chain; a file that is not there says nothing."""
        marks = [(number, line.seq) for number, line in self._lines(path) if line.rolled_back]
        self.unreadable = 0
        first: HeadLine | None = None
        also, farthest = 0, None
        for batch in _batches(self._lines(path)):
            hashes = dict(
                self._entries().filter(seq__in={line.seq for _n, line in batch}).values_list("seq", "hash")
            )
            for number, line in batch:
                if any(mark > number and seq < line.seq for mark, seq in marks):
                    continue  # the chain went on from before it, knowingly
                here = hashes.get(line.seq)
                if here == line.hash:
                    self._confirm(line.seq)
                elif here is not None:
                    also += first is not None
                    first = first or line
                    self._contradict(line.seq)
                elif farthest is None or line.seq > farthest.seq:
                    farthest = line
        if first is not None:
            more = f" {also:,} later lines contradict it, too." if also else ""
            self._problems.add(
                first.seq,
                Kind.HEAD_LOG,
                f"Entry {first.seq} had another hash at {first.at:%Y-%m-%d %H:%M:%S} UTC, says the head log: "
                f"it was replaced since, or one before it was.{more}",
            )
        if farthest is not None:
            self._problems.add(
                farthest.seq,
                Kind.HEAD_LOG,
                f"At {farthest.at:%Y-%m-%d %H:%M:%S} UTC the chain went to entry {farthest.seq}, says the "
                "head log, and that is not here: entries were removed, or an older backup was restored.",
            )

    def hold_against_statement(self, lines: Iterable[StatementEntry]) -> str | None:
        """Compare every line that was reported under an entry's hash; a sentence if the lines broke off."""
        unknown: list[StatementEntry] = []
        count = 0
        opening, began = self._opening(), self._began()
        try:
            for batch in _batches(line for line in lines if _OURS.fullmatch(line.idempotency_key or "")):
                found = self._entries().in_bulk([line.idempotency_key for line in batch], field_name="hash")
                for line in batch:
                    entry = found.get(line.idempotency_key or "")
                    if entry is not None:
                        began = None
                        self._compare(entry, line)
                        if opening is not None and line.id <= opening:
                            self._say_no_opening(entry, line)
                        continue
                    if opening is not None:
                        is_older = line.id <= opening
                    else:  # not reconciled yet: until a line of ours comes, the time must do
                        is_older = began is not None and line.created_at < began
                    if is_older:
                        continue  # counted before there was an entry here
                    count += 1
                    if len(unknown) < MOST_NAMED:
                        unknown.append(line)
        except ExchangeError as error:
            return str(error)
        finally:
            self._name_unknown(unknown, count)
        return None

    def _compare(self, entry: LedgerEntry, line: StatementEntry) -> None:
        if entry.seq <= self._chain.seq:
            self._confirm(entry.seq)
        ours = (entry.service_id, entry.direction, entry.prompt_tokens, entry.completion_tokens)
        theirs = (line.service_id, line.direction.value, line.prompt_tokens, line.completion_tokens)
        if ours != theirs:
            self._problems.add(
                entry.seq,
                Kind.STATEMENT,
                f"Line {line.id} of the Exchange's statement counts {_words(*theirs)}; "
                f"entry {entry.seq} says {_words(*ours)}.",
            )

    def _opening(self) -> int | None:
        """The newest line that the Exchange had before there was an entry here, where that is known."""
        found = OpeningBalance.objects.filter(account=self._account).values_list("last_id", flat=True)
        return found.first()

    def _began(self) -> datetime | None:
        """When the first entry was recorded."""
        return self._entries().filter(seq=1).values_list("recorded_at", flat=True).first()

    def _say_no_opening(self, entry: LedgerEntry, line: StatementEntry) -> None:
        self._problems.add(
            entry.seq,
            Kind.STATEMENT,
            f"Line {line.id} of the Exchange's statement, which is entry {entry.seq}, is kept as part of the "
            "opening balance: that was changed.",
        )

    def _name_unknown(self, unknown: list[StatementEntry], count: int) -> None:
        if not unknown:
            return
        numbers = dict(
            Delivery.objects.filter(
                account=self._account, exchange_entry_id__in=[line.id for line in unknown]
            ).values_list("exchange_entry_id", "seq")
        )
        for line in unknown:
            seq = numbers.get(line.id)
            which = f" It was the report of entry {seq}, by our own note." if seq else ""
            if seq:
                self._contradict(seq)
            self._problems.add(
                seq,
                Kind.STATEMENT,
                f"Line {line.id} of the Exchange's statement was reported under a hash that no entry here "
                f"has: an entry was changed or removed, or another gateway reports for this account.{which}",
            )
        if count > len(unknown):
            more = count - len(unknown)
            self._problems.add(
                None, Kind.STATEMENT, f"{more:,} more lines of the statement have no entry here."
            )

    def _confirm(self, seq: int) -> None:
        breaks_at = self._problems.breaks_at
        if seq <= self._chain.seq and (breaks_at is None or seq < breaks_at):
            self._confirmed = max(self._confirmed, seq)

    def _contradict(self, seq: int) -> None:
        problems = self._problems
        problems.breaks_at = seq if problems.breaks_at is None else min(problems.breaks_at, seq)
        self._confirmed = min(self._confirmed, seq - 1)

    def _entries(self) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.filter(account=self._account)

    def _lines(self, path: str) -> Iterator[tuple[int, HeadLine]]:
        for number, line in enumerate(read_lines(path)):
            if line is None:
                self.unreadable += 1
            elif line.chain == self._chain.chain_id and line.seq:
                yield number, line


def _words(service: int, direction: str, prompt: int, completion: int) -> str:
    return f"{prompt:,} + {completion:,} tokens {direction} of service {service}"


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
