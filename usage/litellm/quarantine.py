"""Rows that wait for a person: counted, recorded once their service is known, or discarded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import structlog
from django.db import transaction
from django.db.models import Count, FloatField, Max, QuerySet, Sum
from django.db.models.functions import Cast
from django.utils import timezone

from accounts import audit
from accounts.models import ExchangeAccount
from accounts.models.audit import SubjectKind
from usage import ledger
from usage.litellm.judging import settled_by
from usage.litellm.keeping import conflict_of, note_recorded
from usage.litellm.rows import again
from usage.models import QuarantinedRow
from usage.models.quarantine import Reason, RowState
from usage.writing.drafts import Draft
from usage.writing.results import Result

MOST_COUNTED = 1000
MOST_GROUPS = 100
MOST_SETTLED = 20
MOST_AT_A_TIME = 5000
"""Rows that one form settles."""
RECORDABLE = (
    Reason.NO_SERVICE,
    Reason.SERVICE,
    Reason.IDENTITY,
    Reason.TIME,
    Reason.CONFLICT,
    Reason.REFUSED,
)
"""Where saying the service is enough, or may be by now."""
Rows = QuerySet[QuarantinedRow]
log = structlog.get_logger("gateway.ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that wait for the same reason with the same model; ``up_to`` is the newest one's key."""

    reason: Reason
    model: str
    rows: int
    tokens: int
    newest_at: datetime
    up_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of rows that were to be recorded: entries now, in the ledger before, or waiting still."""

    recorded: int
    there: int
    waiting: int
    tokens: int


def waiting_of(account: ExchangeAccount) -> Rows:
    """What waits in this account, the newest first."""
    return QuarantinedRow.objects.filter(account=account, state=RowState.WAITING).order_by("-pk")


def count_of(account: ExchangeAccount) -> int:
    """How many rows wait; counted no further than MOST_COUNTED."""
    return waiting_of(account).order_by().values("pk")[:MOST_COUNTED].count()


def groups_of(rows: Rows) -> list[Group]:
    """These waiting rows by reason and model, the newest first."""
    # as a float: a whole number of the database could not hold every sum
    tokens = Sum(Cast("tokens", FloatField()))
    found = (
        rows.order_by()
        .values("reason", "model")
        .annotate(rows=Count("pk"), sum=tokens, newest_at=Max("received_at"), up_to=Max("pk"))
        .order_by("-up_to")[:MOST_GROUPS]
    )
    return [
        Group(
            reason=Reason(row["reason"]),
            model=row["model"],
            rows=row["rows"],
            tokens=int(row["sum"]),
            newest_at=row["newest_at"],
            up_to=row["up_to"],
        )
        for row in found
    ]


def settled_of(account: ExchangeAccount) -> list[QuarantinedRow]:
    """What was recorded or discarded last."""
    rows = QuarantinedRow.objects.filter(account=account, settled_at__isnull=False).select_related("entry")
    return list(rows.order_by("-settled_at", "-pk")[:MOST_SETTLED])


def replay(account: ExchangeAccount, rows: Rows, service_id: int) -> Replayed:
    """Record waiting rows of this account as usage of a service, under the keys that sent them.

    However often, and however many at once: each becomes one entry. What cannot be recorded goes on waiting.
    """
    found = list(
        rows.filter(account=account).select_related("api_key").order_by("api_key", "pk")[:MOST_AT_A_TIME]
    )
    recorded = there = tokens = 0
    for _number, of_key in groupby(found, key=lambda row: row.api_key_id):
        drafts = _drafts(list(of_key), service_id)
        for start in range(0, len(drafts), ledger.MOST_AT_ONCE):
            batch = drafts[start : start + ledger.MOST_AT_ONCE]
            told, key = [draft for _row, draft in batch], batch[0][0].api_key
            results = ledger.record(account, told, source="litellm", api_key=key)
            pairs = zip([row for row, _draft in batch], results, strict=True)
            settled = [(row, result) for row, result in pairs if _is_there(row, result)]
            note_recorded(account, [row.identity for row, _result in settled])
            new = [row.tokens for row, result in settled if result.status == "recorded"]
            recorded, there, tokens = recorded + len(new), there + len(settled) - len(new), tokens + sum(new)
    if found:
        _note("quarantine.recorded", account, rows=len(found), recorded=recorded, service=service_id)
    log.info("litellm_rows_replayed", account=account.pk, recorded=recorded, service=service_id)
    return Replayed(recorded=recorded, there=there, waiting=len(found) - recorded - there, tokens=tokens)


def discard(account: ExchangeAccount, rows: Rows) -> int:
    """Never count these waiting rows of this account; they stay to be seen. How many they were."""
    chosen = list(rows.filter(account=account).order_by("pk").values_list("pk", flat=True)[:MOST_AT_A_TIME])
    # one that was recorded meanwhile is not taken
    gone = waiting_of(account).order_by().filter(pk__in=chosen)
    with transaction.atomic():
        done = gone.update(state=RowState.DISCARDED, settled_at=timezone.now())
        if done:
            _note("quarantine.discarded", account, rows=done)
    log.info("litellm_rows_discarded", account=account.pk, rows=done)
    return done


def _note(action: str, account: ExchangeAccount, **figures: int) -> None:
    subject = audit.Subject(SubjectKind.QUARANTINE, name=f"LiteLLM, {figures['rows']:,}")
    audit.note(action, account=account, subject=subject, detail=figures)


def _drafts(rows: list[QuarantinedRow], service_id: int) -> list[tuple[QuarantinedRow, Draft]]:
    now = timezone.now()
    told = [(row, settled_by(again(row.kept), now, service_id, row.identity)) for row in rows]
    return [(row, draft) for row, draft in told if isinstance(draft, Draft)]


def _is_there(row: QuarantinedRow, result: Result) -> bool:
    """Whether the ledger has the call as the row tells it, in whichever service."""
    return result.entry is not None and conflict_of(again(row.kept), result.entry) is None
