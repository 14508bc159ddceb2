"""Line by line: each of the Exchange's lines against the entry whose hash it carries as its key.

Streaming: a batch of lines at a time, a bit for each entry that was met, and of what does not match at the
most ``MOST_KEPT`` of a kind. All are counted.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from accounts.models import ExchangeAccount
from exchange import StatementEntry
from usage.delivering.settling import settle_by_statement
from usage.models import Delivery, LedgerEntry, ReconciliationLine
from usage.reconciling.chain import TheirChain
from usage.reconciling.held import Held, differing_fields, figures, figures_of, figures_of_line, held_of
from usage.reconciling.opening import Opening
from usage.reconciling.seen import Seen
from usage.reconciling.totals import Figures

MOST_KEPT = 1000
"""Of each kind of line, how many a run keeps one by one."""
BATCH = 500

Kind = ReconciliationLine.Kind
State = Delivery.State
MENDED = (State.UNCERTAIN, State.PENDING, State.REJECTED)
"""States that a line which says the same settles: it was counted after all."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A line that does not match: ours, theirs or both, and the name of what is wrong with it."""

    kind: str
    code: str
    entry: LedgerEntry | None = None
    line: StatementEntry | None = None


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What has been compared so far. Read with ``read``, then name what was expected with ``expect``."""

    account: ExchangeAccount
    opening: Opening
    chain: TheirChain
    seen: Seen = field(default_factory=Seen)
    ours: dict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))
    theirs: dict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))
    unpriced_tokens: int = 0
    """Of theirs: tokens for which we know no price."""
    keyed: bool = False
    """Whether any line carried a key at all."""
    kept: list[Finding] = field(default_factory=list)
    mended: int = 0
    late: Figures = field(default_factory=Figures)
    """Of what was mended: what our totals did not hold for possible, before the statement proved it."""
    _kept_of: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def read(self, lines: Iterable[StatementEntry]) -> None:
        """Compare these lines, in their order. Settles deliveries that they prove."""
        for batch in batches(lines, BATCH):
            self._compare(batch)

    def expect(self, expected: Seen) -> None:
        """The statement has been read to its end: what of ours should have been in it, and was not."""
        for numbers in batches(expected.without(self.seen), BATCH):
            rows = LedgerEntry.objects.filter(account=self.account, seq__in=numbers).order_by("seq")
            for entry in rows.select_related("delivery"):
                by_person = entry.delivery.settled_by == Delivery.SettledBy.PERSON
                code = "missing_person" if by_person else "missing"
                self._count(Finding(kind=Kind.OURS_ONLY, code=code, entry=entry))

    @property
    def content(self) -> str:
        """A hash over everything that was found, and nothing else: the same findings, the same hash."""
        return self._digest.hexdigest()

    def _compare(self, lines: list[StatementEntry]) -> None:
        keys = [line.idempotency_key for line in lines if line.idempotency_key]
        self.keyed = self.keyed or bool(keys)
        held = held_of(self.account, keys)
        odd = self._odd(lines, held)
        matched: list[Held] = []
        for line in lines:
            self.chain.add(line)
            ours = held.get(line.idempotency_key or "")
            if ours is None:
                if not self.opening.takes(line):
                    code = "no_entry" if line.idempotency_key else "no_key"
                    self._count(Finding(kind=Kind.THEIRS_ONLY, code=code, line=line))
                continue
            self.opening.closed = True
            entry = odd.get(ours.hash)
            if entry is None:
                self.seen.add(ours.seq)
                matched.append(ours)
                continue
            finding = self._judged(entry, line, is_reversed=ours.is_reversed)
            self._count(finding)
            if finding.kind in (Kind.MATCHED, Kind.REVERSED) and entry.delivery.state in MENDED:
                if entry.delivery.state != State.UNCERTAIN:
                    self.late = self.late.plus(figures_of(entry))
                settle_by_statement(entry.delivery, line)
                self.mended += 1
        self._count_matched(matched)

    def _odd(self, lines: list[StatementEntry], held: dict[str, Held]) -> dict[str, LedgerEntry]:
        """The entries that need a closer look: whatever is not delivered once, and told alike by both."""
        odd, met = set[str](), set[str]()
        for line in lines:
            ours = held.get(line.idempotency_key or "")
            if ours is None:
                continue
            plain = ours.state == State.DELIVERED and not ours.is_reversed and ours.reverses_seq is None
            once = ours.hash not in met and ours.seq not in self.seen
            if not (plain and once) or self._differing(ours, line):
                odd.add(ours.hash)
            met.add(ours.hash)
        if not odd:
            return {}
        entries = LedgerEntry.objects.filter(account=self.account, hash__in=odd)
        return {entry.hash: entry for entry in entries.select_related("delivery")}

    def _differing(self, ours: LedgerEntry | Held, line: StatementEntry) -> tuple[str, ...]:
        return differing_fields(ours, line, user_id=self.account.exchange_user_id)

    def _count_matched(self, matched: list[Held]) -> None:
        total = Figures().plus(*(figures(one.direction, one.tokens, one.cost_nanos or 0) for one in matched))
        self.ours[Kind.MATCHED] = self.ours[Kind.MATCHED].plus(total)
        self.theirs[Kind.MATCHED] = self.theirs[Kind.MATCHED].plus(total)
        self.unpriced_tokens += sum(one.tokens for one in matched if one.cost_nanos is None)

    def _judged(self, entry: LedgerEntry, line: StatementEntry, *, is_reversed: bool) -> Finding:
        if not self.seen.add(entry.seq):
            return Finding(kind=Kind.THEIRS_ONLY, code="twice", entry=entry, line=line)
        if entry.is_reversal:
            return Finding(kind=Kind.DIFFERING, code="reversal", entry=entry, line=line)
        if self._differing(entry, line):
            return Finding(kind=Kind.DIFFERING, code="fields", entry=entry, line=line)
        if entry.delivery.state == State.WITHDRAWN:
            return Finding(kind=Kind.DIFFERING, code="withdrawn", entry=entry, line=line)
        kind = Kind.REVERSED if is_reversed else Kind.MATCHED
        return Finding(kind=kind, code="", entry=entry, line=line)

    def _count(self, finding: Finding) -> None:
        kind, entry, line = finding.kind, finding.entry, finding.line
        # a line that is there twice is one too many of theirs, not another of ours
        if entry is not None and finding.code != "twice":
            self.ours[kind] = self.ours[kind].plus(figures_of(entry))
        if line is not None:
            told_there, unpriced = figures_of_line(line, entry)
            self.theirs[kind] = self.theirs[kind].plus(told_there)
            self.unpriced_tokens += unpriced
        if finding.code:
            told = f"{kind} {finding.code} {entry.seq if entry else 0} {line.hash if line else ''}\n"
            self._digest.update(told.encode())
            if self._kept_of[kind] < MOST_KEPT:
                self._kept_of[kind] += 1
                self.kept.append(finding)


def delivered_of(account: ExchangeAccount) -> Seen:
    """The numbers of all that the Exchange has counted by our book, now."""
    seen = Seen()
    delivered = Delivery.objects.filter(account=account, state=State.DELIVERED)
    for seq in delivered.values_list("seq", flat=True).iterator(chunk_size=10_000):
        seen.add(seq)
    return seen


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """The things in lists of ``size``, each made when it is asked for."""
    source = iter(things)
    while batch := list(islice(source, size)):
        yield batch
