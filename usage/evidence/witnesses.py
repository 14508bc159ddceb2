"""What saw the chain before this export: the head log, and the comparisons with the Exchange's books."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.db.models import Q

from accounts.models import ExchangeAccount
from usage import head_log
from usage.canonical import moment
from usage.evidence.books import Segment
from usage.head_log import Tip
from usage.models import Chain, ReconciliationLine, ReconciliationRun

Status = ReconciliationRun.Status
log = structlog.get_logger("gateway.evidence")


def tip_of(account: ExchangeAccount) -> Tip | None:
    """The newest entry of this chain that the head log names; None too where the log cannot be read."""
    chain = Chain.objects.filter(account=account).first()
    try:
        return head_log.tips().get(chain.chain_id) if chain else None
    except OSError as error:
        log.warning("head_log_not_read", error=str(error))
        return None


def anchor_line(tip: Tip) -> dict[str, Any]:
    return {"at": moment(tip.at), "head_hash": tip.hash, "head_seq": tip.seq}


def latest_runs(account: ExchangeAccount) -> list[ReconciliationRun]:
    """The latest reconciliation, and the latest that could compare where that is another; oldest first."""
    runs = ReconciliationRun.objects.filter(account=account).order_by("-started_at", "-id")
    latest = runs.first()
    if latest is None:
        return []
    compared = runs.exclude(status=Status.UNAVAILABLE).first()
    return [compared, latest] if compared and compared != latest else [latest]


def run_lines(runs: list[ReconciliationRun], segment: Segment) -> Iterator[dict[str, Any]]:
    """Each run, then its lines: of a period, those of its entries and those that only the Exchange has."""
    for run in runs:
        yield _run(run)
        rows = ReconciliationLine.objects.filter(run=_keeper_of(run)).select_related("entry")
        rows = rows.order_by("kind", "id")
        if not segment.is_whole:
            rows = rows.filter(
                Q(entry=None) | Q(entry__seq__range=(segment.first_seq or 0, segment.last_seq or 0))
            )
        for row in rows.iterator(1000):
            yield {
                "record": "line",
                "run": run.pk,
                "kind": row.kind,
                "seq": row.entry.seq if row.entry else None,
                "exchange_entry_id": row.exchange_entry_id,
                "theirs": row.theirs,
                "message": row.message,
            }


def _keeper_of(run: ReconciliationRun) -> int:
    """The run that keeps its lines: another one, once a newer run has repeated it."""
    first: int | None = run.totals.get("same_as")
    return run.pk if first is None or ReconciliationLine.objects.filter(run=run).exists() else first


def _run(run: ReconciliationRun) -> dict[str, Any]:
    return {
        "record": "run",
        "run": run.pk,
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at),
        "status": run.status,
        "reason": run.reason,
        "has_lines": run.has_lines,
        "totals": run.totals,
        "lines": run.lines,
        "head_seq": run.head_seq,
        "head_hash": run.head_hash,
        "statement_last_id": run.statement_last_id,
        "statement_hash": run.statement_hash,
        "statement_chain_ok": run.statement_chain_ok,
        "acknowledged_at": moment(run.acknowledged_at) if run.acknowledged_at else None,
        "note": run.note,
    }
