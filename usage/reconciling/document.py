"""A run as a document for programs."""

from __future__ import annotations

from typing import Any

from usage.models import Delivery, LedgerEntry, ReconciliationLine, ReconciliationRun
from usage.reconciling.held import COMPARED
from usage.reconciling.lines import MOST_KEPT
from usage.reconciling.runs import lines_of
from usage.reconciling.words import of_chain

Kind = ReconciliationLine.Kind
LISTED = (Kind.OURS_ONLY, Kind.THEIRS_ONLY, Kind.DIFFERING)
_INNER = ("surplus", "content", "same_as")


def document_of(run: ReconciliationRun) -> dict[str, Any]:
    """Status, reason, totals (tokens; nano-dollars), how many lines of each kind, and what does not match.

    ``totals`` is null where the Exchange told none; a kind of line is null where lines were not compared.
    ``details`` lists up to a thousand of each kind.
    """
    totals = {name: value for name, value in run.totals.items() if name not in _INNER}
    chain = totals.get("chain")
    if chain:
        totals["chain"] = {
            **chain,
            "message": of_chain(chain["code"], chain["line"]) if chain["code"] else "",
        }
    return {
        "status": str(run.status),
        "reason": run.reason,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "totals": totals or None,
        "lines": run.lines or dict.fromkeys(Kind.values),
        "details": {
            **{kind.value: [_line(line) for line in lines_of(run, kind)] for kind in LISTED},
            "reversed": [_reversal(entry) for entry in reversals_of(run, MOST_KEPT)],
        },
        "acknowledged": {"at": run.acknowledged_at, "note": run.note} if run.acknowledged_at else None,
    }


def wrong_fields(line: ReconciliationLine) -> tuple[str, ...]:
    """The names of the fields in which both sides say different things."""
    entry, theirs = line.entry, line.theirs
    if entry is None or theirs is None or line.kind != Kind.DIFFERING:
        return ()
    return tuple(name for name in COMPARED if theirs[name] != getattr(entry, name))


def reversals_of(run: ReconciliationRun, most: int) -> list[LedgerEntry]:
    """The reversals of what the Exchange has counted, newest usage first, as far as our book went then."""
    local = Delivery.objects.filter(account=run.account_id, state=Delivery.State.LOCAL, seq__lte=run.head_seq)
    newest = local.select_related("entry").order_by("-occurred_at", "-seq")
    return [delivery.entry for delivery in newest[:most]]


def _line(line: ReconciliationLine) -> dict[str, Any]:
    entry = line.entry
    return {
        "message": line.message,
        "seq": entry.seq if entry else None,
        "hash": entry.hash if entry else None,
        "ours": {name: getattr(entry, name) for name in COMPARED} if entry else None,
        "theirs": line.theirs,
        "differing": wrong_fields(line),
    }


def _reversal(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "seq": entry.reverses_seq,
        "reversed_by": entry.seq,
        "tokens": entry.total_tokens,
        "reason": entry.memo,
    }
