"""What one comparison came to: the judgement, and the figures that a run keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from exchange import UsageSummary
from usage.models import OpeningBalance, ReconciliationLine, ReconciliationRun
from usage.reconciling.lines import Comparison
from usage.reconciling.totals import UNDELIVERED, Books, Figures, Surplus, surplus

Kind = ReconciliationLine.Kind
Status = ReconciliationRun.Status
COUNTED = (Kind.MATCHED, Kind.REVERSED, Kind.DIFFERING)


@dataclass(slots=True, kw_only=True)
class Result:
    """One comparison. ``comparison`` is None where no lines could be compared; ``reason`` says why then."""

    summary: UsageSummary
    before: Books
    after: Books
    at_end: Books
    opening: OpeningBalance | None
    comparison: Comparison | None = None
    reason: str = ""
    failed: bool = False
    """Whether a statement is offered and could not be read to its end."""
    surplus: Surplus = field(init=False)

    def __post_init__(self) -> None:
        theirs = (self.summary.consumed_tokens, self.summary.supplied_tokens)
        late = self.comparison.late if self.comparison else Figures()
        self.surplus = surplus(
            theirs,
            self._opened,
            least=self.before.delivered,
            most=self.after.at_most.plus(late),
        )

    @property
    def is_different(self) -> bool:
        return self.surplus.off or self.lines_differ

    @property
    def lines_differ(self) -> bool:
        one = self.comparison
        if one is None:
            return False
        found = one.ours[Kind.OURS_ONLY].entries or one.theirs[Kind.THEIRS_ONLY].entries
        return bool(found or one.ours[Kind.DIFFERING].entries or one.chain.problem or not one.opening.holds)

    @property
    def content(self) -> str:
        """A hash over what was found in the lines; the totals' part is ``surplus``, which may be a range."""
        one = self.comparison
        if one is None:
            return ""
        told = f"{one.content} {one.chain.problem} {one.opening.holds}"
        return hashlib.sha256(told.encode()).hexdigest()

    def lines(self) -> dict[str, int | None]:
        """How many of each kind; None where no lines were compared."""
        one = self.comparison
        pending, local = self.at_end.of(*UNDELIVERED).entries, self.at_end.of("local").entries
        return {
            "matched": one.ours[Kind.MATCHED].entries if one else None,
            "ours_only": one.ours[Kind.OURS_ONLY].entries if one else None,
            "theirs_only": one.theirs[Kind.THEIRS_ONLY].entries if one else None,
            "differing": one.ours[Kind.DIFFERING].entries if one else None,
            "pending": pending,
            "reversed": one.ours[Kind.REVERSED].entries if one else local,
        }

    def totals(self) -> dict[str, Any]:
        """Everything that the pages and programs show, in tokens and nano-dollars."""
        consumed, supplied = self._opened
        document: dict[str, Any] = {
            "ours": self.before.delivered.document(),
            "ours_at_most": self.after.at_most.document(),
            "theirs": {
                "entries": self.summary.entry_count,
                "consumed_tokens": self.summary.consumed_tokens,
                "supplied_tokens": self.summary.supplied_tokens,
                "net_tokens": self.summary.supplied_tokens - self.summary.consumed_tokens,
            },
            "opening": {
                "consumed_tokens": consumed,
                "supplied_tokens": supplied,
                "net_tokens": supplied - consumed,
                "taken_at": self.opening.taken_at.isoformat() if self.opening else None,
            },
            "difference": {
                "consumed_tokens": self.surplus.consumed.off,
                "supplied_tokens": self.surplus.supplied.off,
                "net_tokens": self.surplus.supplied.off - self.surplus.consumed.off,
            },
            "book": self.at_end.in_all.document(),
            "reversed": self.at_end.of("local").document(),
            "pending": {str(state): self.at_end.of(state).document() for state in UNDELIVERED},
            "surplus": self.surplus,
            "content": self.content,
            "money": None,
            "chain": None,
        }
        if self.comparison is not None:
            document |= self._of_lines(self.comparison)
        return document

    def _of_lines(self, one: Comparison) -> dict[str, Any]:
        ours = Figures().plus(*(one.ours[kind] for kind in (*COUNTED, Kind.OURS_ONLY)))
        theirs = Figures().plus(*(one.theirs[kind] for kind in (*COUNTED, Kind.THEIRS_ONLY)))
        problem = one.chain.problem
        return {
            "by_kind": {
                kind.value: {"ours": one.ours[kind].document(), "theirs": one.theirs[kind].document()}
                for kind in (*COUNTED, Kind.OURS_ONLY, Kind.THEIRS_ONLY)
            },
            # the Exchange tells tokens alone: its side is priced as our entries were
            "money": {
                "ours": {"cost_nanos": ours.cost_nanos, "revenue_nanos": ours.revenue_nanos},
                "theirs": {"cost_nanos": theirs.cost_nanos, "revenue_nanos": theirs.revenue_nanos},
                "unpriced_tokens": one.unpriced_tokens,
            },
            "chain": {
                "ok": problem is None,
                "code": problem.code if problem else "",
                "line": problem.line_id if problem else None,
                "lines": one.chain.lines,
            },
            "opening_holds": one.opening.holds,
            "settled": one.mended,
        }

    @property
    def _opened(self) -> tuple[int, int]:
        kept = self.opening
        return (kept.consumed_tokens, kept.supplied_tokens) if kept else (0, 0)
