"""The history of runs: kept as they came out, with what a person said of a difference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import ExchangeAccount, User
from accounts.models.audit import SubjectKind
from exchange import StatementEntry
from usage.models import Chain, ReconciliationLine, ReconciliationRun
from usage.reconciling.lines import Finding
from usage.reconciling.result import Result
from usage.reconciling.totals import Span, Surplus
from usage.reconciling.words import LINES

Status = ReconciliationRun.Status
LONGEST_NOTE = 1000
LONGEST_TEXT = 500
"""Characters of a text of theirs that a line keeps."""


class NothingToAcknowledge(ValueError):  # noqa: N818 - said of the run
    """The run found no difference."""


def latest(account: ExchangeAccount) -> ReconciliationRun | None:
    """The newest run, whatever came of it."""
    return _newest_first(account).first()


def latest_result(account: ExchangeAccount) -> ReconciliationRun | None:
    """The newest run that came to a result: the Exchange was there."""
    return _newest_first(account).exclude(status=Status.UNAVAILABLE).first()


def open_difference(account: ExchangeAccount) -> ReconciliationRun | None:
    """The newest result, if it is a difference that nobody has acknowledged."""
    run = latest_result(account)
    return run if run and run.status == Status.DIFFERENT and run.acknowledged_at is None else None


def lines_of(run: ReconciliationRun, kind: str) -> QuerySet[ReconciliationLine]:
    """The lines of a kind that were kept for a run, in the order in which they were found.

    Runs that repeat an earlier one share its lines.
    """
    lines = ReconciliationLine.objects.filter(kind=kind).order_by("pk").select_related("entry")
    first = run.totals.get("same_as")
    own = lines.filter(run=run)
    return own if first is None or own.exists() else lines.filter(run_id=first)


def keep_unavailable(
    account: ExchangeAccount, started_at: datetime, reason: str, result: Result | None = None
) -> ReconciliationRun:
    """A run that came to no result, and why."""
    run = _run(account, started_at, status=Status.UNAVAILABLE, reason=reason)
    if result is not None:
        run.totals, run.lines = result.totals(), result.lines()
    run.save()
    return run


def keep(
    account: ExchangeAccount, started_at: datetime, head: Chain | None, result: Result
) -> ReconciliationRun:
    """A run that came to a result. An unchanged difference stays acknowledged."""
    run = _run(account, started_at, status=Status.DIFFERENT if result.is_different else Status.CLEAN)
    run.reason, run.totals, run.lines = result.reason, result.totals(), result.lines()
    if head is not None:
        run.head_seq, run.head_hash = head.seq, head.hash
    findings: Sequence[Finding] = ()
    if result.comparison is not None:
        chain, findings = result.comparison.chain, result.comparison.kept
        run.has_lines, run.statement_chain_ok = True, chain.problem is None
        run.statement_last_id, run.statement_hash = chain.last_id, chain.last_hash[:64]
    with transaction.atomic():
        _take_over(run, latest_result(account))
        run.save()
        ReconciliationLine.objects.bulk_create([_line(run, finding) for finding in findings], batch_size=500)
    return run


def acknowledge(run: ReconciliationRun, *, user: User, note: str) -> ReconciliationRun:
    """Somebody knows of this difference, and says what it is; so it is with the runs that repeat it.

    A difference that has been acknowledged keeps its first note. Raises NothingToAcknowledge, and ValueError
    for a note that is empty or longer than LONGEST_NOTE.
    """
    note = note.strip()
    if not note or len(note) > LONGEST_NOTE:
        raise ValueError(f"A note has 1 to {LONGEST_NOTE} characters.")
    with transaction.atomic():
        run = ReconciliationRun.objects.select_for_update().get(pk=run.pk)
        if run.status != Status.DIFFERENT:
            raise NothingToAcknowledge
        if run.acknowledged_at is not None:
            return run
        _acknowledged(run, timezone.now(), user.pk, note)
        run.save()
        later = _newest_first(run.account).exclude(status=Status.UNAVAILABLE).filter(pk__gt=run.pk)
        for one in later.reverse():
            if one.status != Status.DIFFERENT or not _same(run, one):
                break
            _acknowledged(one, timezone.now(), user.pk, note)
            one.save()
        subject = audit.Subject(SubjectKind.RUN, run.pk)
        # the note itself is kept with the run
        audit.note("difference.acknowledged", actor=user, account=run.account, subject=subject)
    return run


def surplus_of(run: ReconciliationRun) -> Surplus | None:
    """How far the totals were apart, as the run kept it."""
    kept = run.totals.get("surplus")
    return Surplus(*(Span(*span) for span in kept)) if kept else None


def _take_over(run: ReconciliationRun, earlier: ReconciliationRun | None) -> None:
    """From the result before this one, if it is the same difference: that it was acknowledged, its lines."""
    if run.status != Status.DIFFERENT or earlier is None or earlier.status != Status.DIFFERENT:
        return
    both = _same(earlier, run)
    if both is None:
        return
    if earlier.acknowledged_at is not None:
        _acknowledged(run, earlier.acknowledged_at, earlier.acknowledged_by_id, earlier.note)
        # what is under way blurs a difference: it is the narrowest view of it that was acknowledged
        run.totals["surplus"] = both
    first = earlier.totals.get("same_as")
    run.totals["same_as"] = first or earlier.pk
    if first is not None:
        # between the first and the newest there is nothing to see that is not in them
        ReconciliationLine.objects.filter(run=earlier).delete()


def _same(earlier: ReconciliationRun, later: ReconciliationRun) -> Surplus | None:
    was, now = surplus_of(earlier), surplus_of(later)
    if was is None or now is None or earlier.totals.get("content") != later.totals.get("content"):
        return None
    return was.meeting(now)


def _acknowledged(run: ReconciliationRun, at: datetime, user_id: int | None, note: str) -> None:
    run.acknowledged_at, run.acknowledged_by_id, run.note = at, user_id, note


def _newest_first(account: ExchangeAccount) -> QuerySet[ReconciliationRun]:
    return ReconciliationRun.objects.filter(account=account).order_by("-started_at", "-pk")


def _run(account: ExchangeAccount, started_at: datetime, **fields: Any) -> ReconciliationRun:
    return ReconciliationRun(account=account, started_at=started_at, finished_at=timezone.now(), **fields)


def _line(run: ReconciliationRun, finding: Finding) -> ReconciliationLine:
    line = finding.line
    return ReconciliationLine(
        run=run,
        kind=finding.kind,
        entry=finding.entry,
        exchange_entry_id=line.id if line else None,
        theirs=_kept(line) if line else None,
        message=LINES[finding.code],
    )


def _kept(line: StatementEntry) -> dict[str, Any]:
    """The line's known fields: what else an Exchange may have put there is without bounds."""
    told = {
        "id": line.id,
        "user_id": line.user_id,
        "service_id": line.service_id,
        "prompt_tokens": line.prompt_tokens,
        "completion_tokens": line.completion_tokens,
        "direction": line.direction.value,
        "memo": line.memo,
        "idempotency_key": line.idempotency_key,
        "created_at": line.created_at.isoformat(),
        "prev_hash": line.prev_hash,
        "hash": line.hash,
    }
    return {
        name: f"{value[:LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value
        for name, value in told.items()
    }
