"""usage/logs: every entry, newest first, by keyset cursors; and one entry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import Http404
from django.utils.translation import gettext as _
from ninja import Path, Query, Router, Schema
from pydantic import Field

from accounts.api.callers import ApiRequest, allowed
from accounts.api.errors import invalid
from accounts.api.responses import KNOWN, refusals
from accounts.models.api_key import Scope
from exchange.fields import INT64_MAX
from usage.budgets.counting import marked
from usage.logs.export import row
from usage.logs.filters import LONGEST_MOMENT, LONGEST_SEARCH, LogFilters
from usage.logs.pages import page
from usage.logs.places import MOST_LOOKED_AT, PAGE_SIZE, Window, read_key, read_place
from usage.models import LedgerEntry

router = Router(tags=["Usage"])
MOST = 200
CURSORS = ("older_than", "newer_than")


class LogsQuery(Schema):
    """The filters of the logs' page, by the same names."""

    since: str | None = Field(None, max_length=LONGEST_MOMENT, description="A UTC day, or a time.")
    until: str | None = Field(None, max_length=LONGEST_MOMENT, description="A UTC day (with it), or a time.")
    direction: Literal["consume", "supply"] | None = None
    service: int | None = Field(None, ge=1, le=INT64_MAX, description="The Exchange's number of it.")
    provider: int | None = Field(None, ge=0, le=INT64_MAX, description="0: not known.")
    family: str | None = Field(None, max_length=1000, description="The whole model family.")
    key: int | None = Field(None, ge=0, le=INT64_MAX, description="0: without a key.")
    source: Literal["page", "command", "api", "litellm"] | None = None
    state: (
        Literal["pending", "sending", "delivered", "rejected", "uncertain", "withdrawn", "local"] | None
    ) = None
    q: str | None = Field(None, max_length=LONGEST_SEARCH, description="Words in the memo.")
    least: int | None = Field(None, ge=0, description="Least tokens, prompt and completion together.")
    older_than: str | None = Field(None, max_length=60, description="A cursor of an earlier answer.")
    newer_than: str | None = Field(None, max_length=60, description="A cursor of an earlier answer.")
    limit: int = Field(PAGE_SIZE, ge=1, le=MOST)


class LogEntryOut(Schema):
    """One entry with all that was recorded of it; decimals are text, as in the export.

    Tokens and cost times `counts` (−1 for a reversal) add up to the totals.
    """

    seq: int
    entry_id: str
    occurred_at: str
    recorded_at: str
    direction: Literal["consume", "supply"]
    service_id: int
    service_name: str | None
    model_family: str | None
    provider_id: int | None
    provider_name: str | None
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None
    reasoning_tokens: int | None
    price_per_1k_tokens: str | None
    cost: str | None
    currency: str
    counts: int
    reverses_seq: int | None
    evidence: str
    source: str
    api_key_id: int | None
    api_key: str | None
    memo: str
    attributes: dict[str, str | int | None]
    delivery: str
    rules: list[str] = Field(description="The Exchange's rules for which it was refused.")
    over_budget: bool
    prev_hash: str
    hash: str


class LogsOut(Schema):
    entries: list[LogEntryOut]
    older_than: str | None = Field(description="The cursor for what comes after these; null at the end.")
    newer_than: str | None = Field(description="The cursor for what comes before; null at the start.")
    searched_to: datetime | None = Field(
        description="So much was looked through that the page is not full: up to here. Go on with older_than."
    )


@router.get(
    "/logs",
    auth=allowed(Scope.READ),
    response={200: LogsOut, **refusals(*KNOWN, 422)},
    summary="Entries, newest first",
)
def logs(request: ApiRequest, query: Query[LogsQuery]) -> LogsOut:
    """A page of entries. Follow `older_than` until it is null: nothing is left out or told twice."""
    told = query.dict(exclude_none=True, exclude={*CURSORS, "limit"})
    filters = LogFilters({name: str(value) for name, value in told.items()})
    filters.form.is_valid()
    problems = [(name, " ".join(str(text) for text in texts)) for name, texts in filters.form.errors.items()]
    cursors = {name: getattr(query, name) or "" for name in CURSORS}
    read: Any = read_key if filters.words else read_place
    problems += [
        (name, _("is no cursor of these filters."))
        for name, text in cursors.items()
        if text and not read(text)
    ]
    if problems:
        raise invalid(problems)
    window = Window(size=query.limit, looked_at=MOST_LOOKED_AT)
    found = page(request.auth.account, filters, window=window, **cursors)
    return LogsOut(
        entries=_documents(found.entries),
        older_than=found.older_than or None,
        newer_than=found.newer_than or None,
        searched_to=found.searched_to,
    )


@router.get(
    "/logs/{int:seq}",
    auth=allowed(Scope.READ),
    response={200: LogEntryOut, **refusals(*KNOWN, 404)},
    summary="One entry",
)
def entry(request: ApiRequest, seq: Annotated[int, Path(ge=1, le=INT64_MAX)]) -> LogEntryOut:
    """An entry of your book by its number."""
    rows = LedgerEntry.objects.select_related("delivery", "api_key")
    found = rows.filter(account=request.auth.account, seq=seq).first()
    if found is None:
        raise Http404
    return _documents([found])[0]


def _documents(entries: list[LedgerEntry]) -> list[LogEntryOut]:
    beyond = marked(one.pk for one in entries) if any(one.api_key_id for one in entries) else set[int]()
    return [LogEntryOut(**row(one), over_budget=one.seq in beyond) for one in entries]
