"""Whether a row is usage, and whether it can be recorded as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from usage.litellm.placing import NotPlaced, service_of
from usage.litellm.rows import Row, is_count
from usage.models import LedgerEntry
from usage.models.quarantine import Reason
from usage.writing.drafts import EARLIEST, MOST_AHEAD, Draft

Ignored = Literal["failure", "cache_hit", "reread", "no_tokens"]
REREADS = ("get_responses", "aget_responses")
"""They fetch an answer again that was counted when it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A row that cannot be recorded as it is, and why. ``identity`` is the one that it is kept under."""

    row: Row
    reason: Reason
    identity: UUID
    detail: str = ""


def judged(row: Row, now: datetime, default_service: int | None) -> Draft | Aside | Ignored:
    """What is to be recorded; or why that cannot be; or why it is no usage at all."""
    ignored = _ignored(row)
    if ignored:
        return ignored
    aside = _aside(row, now)
    if aside:
        return aside
    if not row.named:
        return Aside(row=row, reason=Reason.IDENTITY, identity=row.identity)
    try:
        return draft_of(row, service_of(row, default_service))
    except NotPlaced as error:
        reason = Reason.SERVICE if error.said else Reason.NO_SERVICE
        return Aside(row=row, reason=reason, identity=row.identity, detail=error.said)


def settled_by(row: Row, now: datetime, service_id: int, identity: UUID) -> Draft | Aside:
    """What a person records of a row that was kept, who says which service it was; or why that cannot be."""
    return _aside(row, now) or draft_of(row, service_id, identity)


def draft_of(row: Row, service_id: int, identity: UUID | None = None) -> Draft:
    """The row as the ledger takes it. Nothing of it is a memo, which the Exchange would see."""
    prompt, completion = row.prompt_tokens or 0, row.completion_tokens or 0
    attributes = {
        "call_type": row.call_type,
        "custom_llm_provider": row.custom_llm_provider,
        "end_user": row.end_user,
        "key_alias": row.key_alias,
        "litellm_call_id": row.litellm_call_id,
        "litellm_id": row.litellm_id,
        "model": row.model,
        "model_group": row.model_group,
        "tags": ", ".join(row.tags),
    }
    return Draft(
        service_id=service_id,
        prompt_tokens=prompt,
        completion_tokens=completion,
        direction=LedgerEntry.Direction.CONSUME.value,
        entry_id=identity or row.identity,
        occurred_at=row.at,
        cached_tokens=_part(row.cached_tokens, prompt),
        reasoning_tokens=_part(row.reasoning_tokens, completion),
        attributes={name: text for name, text in attributes.items() if text},
    )


def _ignored(row: Row) -> Ignored | None:
    if row.status == "failure":
        return "failure"
    if row.cache_hit:
        return "cache_hit"
    if row.call_type in REREADS:
        return "reread"
    if row.prompt_tokens == row.completion_tokens == 0:
        return "no_tokens"
    return None


def _aside(row: Row, now: datetime) -> Aside | None:
    """Why nobody could record it, whatever service it is placed in."""
    counts = {"prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens}
    odd = [name for name, count in counts.items() if not is_count(count)]
    if odd:
        return Aside(row=row, reason=Reason.TOKENS, identity=row.identity, detail=", ".join(odd))
    if row.ended_at is None and row.started_at is None:
        return None
    at = row.at
    if at is None or not EARLIEST <= at <= now + MOST_AHEAD:
        told = row.ended_at if row.ended_at is not None else row.started_at
        detail = at.isoformat() if at else f"{told:.6g}"
        return Aside(row=row, reason=Reason.TIME, identity=row.identity, detail=detail)
    return None


def _part(some: int | None, whole: int) -> int | None:
    """Cached or reasoning tokens, if they can be some of the whole: the row is right without them."""
    return some if some is not None and 0 <= some <= whole else None
