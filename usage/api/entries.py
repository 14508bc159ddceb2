"""What a program sends to have recorded, and what it is told of it: each entry is judged alone."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import ConfigDict, Field, StrictInt, StrictStr, ValidationError
from pydantic.config import JsonDict

from accounts.api.errors import ErrorEnvelope, Problem
from accounts.models import ApiKey
from exchange import MAX_TOKENS
from exchange.fields import INT64_MAX
from exchange.text import clean_text
from usage.models.entry import LONGEST_MEMO
from usage.writing.drafts import Draft
from usage.writing.results import Result

MOST_ATTRIBUTES = 50
TOKENS: JsonDict = {"minimum": 0, "maximum": MAX_TOKENS}
"""Told in the description alone: the ledger says it in words of its own."""


class EntryIn(Schema):
    """Tokens consumed from, or supplied by, a service (the Exchange's number)."""

    model_config = ConfigDict(extra="forbid")

    entry_id: UUID | None = Field(
        None,
        description="Yours, a UUID: sent again, it is recorded once. Without it we make one.",
    )
    service_id: int | None = Field(
        None,
        strict=True,
        json_schema_extra={"minimum": 1, "maximum": INT64_MAX},
        description="May be left out where the key has a default service.",
        examples=[1],
    )
    prompt_tokens: int = Field(strict=True, json_schema_extra=TOKENS, examples=[1200])
    completion_tokens: int = Field(strict=True, json_schema_extra=TOKENS, examples=[300])
    direction: Literal["consume", "supply"] = Field(description="Used by you, or delivered by you.")
    memo: str = Field(
        "",
        json_schema_extra={"maxLength": LONGEST_MEMO},
        description="At most 500 characters. The Exchange sees it too.",
    )
    occurred_at: datetime | None = Field(None, description="With its offset. Without it: now.")
    cached_tokens: int | None = Field(
        None, strict=True, json_schema_extra=TOKENS, description="Some of the prompt tokens."
    )
    reasoning_tokens: int | None = Field(
        None, strict=True, json_schema_extra=TOKENS, description="Some of the completion tokens."
    )
    evidence: Literal["reported", "estimated"] = "reported"
    attributes: dict[str, StrictStr | StrictInt | None] | None = Field(
        None, max_length=MOST_ATTRIBUTES, description="Your own words and whole numbers; kept in the entry."
    )


class EntriesIn(Schema):
    """From 1 to 1,000 entries, recorded in one transaction."""

    entries: list[EntryIn] = Field(
        min_length=1, max_length=1000, description="Several at once, instead of the fields of one."
    )


class ResultOut(Schema):
    """What became of one entry; `seq` and `hash` are its place in the ledger, null where it has none."""

    entry_id: str | None
    status: Literal["recorded", "duplicate", "conflict", "invalid"]
    seq: int | None
    hash: str | None
    over_budget: bool = Field(description="The key went beyond its budget with it; it is recorded.")
    error: Problem | None = None


class ResultsOut(Schema):
    """One result for each entry, in the order in which they came."""

    results: list[ResultOut]


class RefusedOut(ErrorEnvelope):
    """Why nothing was recorded; `results` where it was about a single entry."""

    results: list[ResultOut] = []


def draft_of(told: Any, key: ApiKey | None) -> Draft | dict[str, Any]:
    """The entry to be recorded; or the result that says why it cannot be one."""
    if not isinstance(told, dict):
        return _invalid(None, "entry", _("must be an object."))
    try:
        entry = EntryIn.model_validate(_looked_at(told))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # of an attribute its name, without the types that it might have been
        name = ".".join(str(step) for step in first["loc"][:2])
        # pydantic's words, and a name that nobody knows, may be as long as what was sent
        return _invalid(told.get("entry_id"), clean_text(name, 100) or "entry", clean_text(first["msg"], 200))
    service = entry.service_id if entry.service_id is not None else key and key.default_service_id
    if service is None:
        return _invalid(entry.entry_id, "service_id", _("Name a service, or give the key a default service."))
    values = {name: getattr(entry, name) for name in EntryIn.model_fields if name != "attributes"}
    return Draft(**{**values, "service_id": service, "attributes": entry.attributes or {}})


def _looked_at(told: dict[str, Any]) -> dict[str, Any]:
    """What is known of it, and of the rest so much that it is refused: pydantic tells of every name."""
    known = {name: told[name] for name in EntryIn.model_fields if name in told}
    known |= dict(islice(((name, 0) for name in told if name not in known), 1))
    attributes = known.get("attributes")
    if isinstance(attributes, dict) and len(attributes) > MOST_ATTRIBUTES:
        known["attributes"] = dict(islice(attributes.items(), MOST_ATTRIBUTES + 1))
    return known


def result_of(result: Result) -> dict[str, Any]:
    """What the ledger did, as a document."""
    entry = result.entry
    return {
        "entry_id": None if result.entry_id is None else str(result.entry_id),
        "status": result.status,
        "seq": entry.seq if entry else None,
        "hash": entry.hash if entry else None,
        "over_budget": result.over_budget,
        "error": {"field": result.field, "message": result.error} if result.error else None,
    }


def _invalid(entry_id: Any, field: str, message: str) -> dict[str, Any]:
    try:
        named = None if entry_id is None else str(UUID(str(entry_id)))
    except ValueError:
        named = None
    return {
        "entry_id": named,
        "status": "invalid",
        "seq": None,
        "hash": None,
        "over_budget": False,
        "error": {"field": field, "message": message},
    }
