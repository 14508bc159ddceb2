"""Into the quarantine, each row once; and out of it, when its entry is in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.models import ApiKey, ExchangeAccount
from exchange.text import clean_text
from usage.litellm.judging import Aside
from usage.litellm.rows import Row, identity_of
from usage.models import LedgerEntry, QuarantinedRow
from usage.models.quarantine import Reason, RowState

LONGEST_DETAIL = 300
log = structlog.get_logger("gateway.ledger")


def keep(account: ExchangeAccount, key: ApiKey | None, asides: Sequence[Aside]) -> int:
    """Keep these rows, each once. How many need not be: they are in the ledger, or were discarded before."""
    left = _not_there(account, asides)
    states = states_of(account, (one.identity for one in left))
    new = {one.identity: _row_of(account, key, one) for one in left if one.identity not in states}
    # the same row at the same instant: one of the two is kept
    QuarantinedRow.objects.bulk_create(new.values(), ignore_conflicts=True)
    if new:
        log.info("litellm_rows_quarantined", account=account.pk, rows=len(new))
    settled = sum(states.get(one.identity, RowState.WAITING) != RowState.WAITING for one in left)
    return len(asides) - len(left) + settled


def states_of(account: ExchangeAccount, identities: Iterable[UUID]) -> dict[UUID, str]:
    """How those of these rows stand that are, or were, in quarantine."""
    rows = QuarantinedRow.objects.filter(account=account, identity__in=set(identities))
    return dict(rows.values_list("identity", "state"))


def conflict_of(row: Row, entry: LedgerEntry) -> Aside | None:
    """The row whose call stands in the ledger with other tokens; None where it stands there as it is told."""
    told = (row.prompt_tokens, row.completion_tokens)
    if (entry.prompt_tokens, entry.completion_tokens) == told:
        return None
    # under an id of its own: if a person records it, it is another entry
    identity = identity_of("conflict", str(row.identity), *told)
    return Aside(row=row, reason=Reason.CONFLICT, identity=identity, detail=str(entry.seq))


def note_recorded(account: ExchangeAccount, identities: Iterable[UUID]) -> None:
    """Rows whose entries are in the ledger wait no more, whoever settles them otherwise at this instant."""
    entry = LedgerEntry.objects.filter(account=OuterRef("account"), entry_id=OuterRef("identity"))
    rows = QuarantinedRow.objects.filter(account=account, identity__in=list(identities))
    rows.exclude(state=RowState.RECORDED).update(
        state=RowState.RECORDED, settled_at=timezone.now(), entry=Subquery(entry.values("pk")[:1])
    )


def _not_there(account: ExchangeAccount, asides: Sequence[Aside]) -> list[Aside]:
    """Those whose calls are not in the ledger; or that tell other tokens than it has, and so conflict."""
    entries = LedgerEntry.objects.filter(account=account, entry_id__in={one.identity for one in asides})
    there = {entry.entry_id: entry for entry in entries}
    left = []
    for one in asides:
        entry = there.get(one.identity)
        if entry is None or one.reason == Reason.TOKENS:
            left.append(one)
        elif one.reason in (Reason.NO_SERVICE, Reason.SERVICE) and (other := conflict_of(one.row, entry)):
            left.append(other)
    return left


def _row_of(account: ExchangeAccount, key: ApiKey | None, one: Aside) -> QuarantinedRow:
    return QuarantinedRow(
        account=account,
        api_key=key,
        received_at=timezone.now(),
        reason=one.reason,
        detail=clean_text(one.detail, LONGEST_DETAIL),
        kept=one.row.kept,
        identity=one.identity,
        model=one.row.model_group or one.row.model,
        tokens=one.row.tokens,
    )
