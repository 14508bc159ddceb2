"""usage/summary: what was consumed and supplied in a period, and the book as a whole."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.api.callers import ApiRequest, allowed
from accounts.api.errors import invalid
from accounts.api.json import ExactNumber
from accounts.api.responses import KNOWN, refusals
from accounts.models import ExchangeAccount
from accounts.models.api_key import Scope
from exchange.fields import INT64_MAX
from usage import snapshots
from usage.reporting.filters import filters_of
from usage.reporting.groups import Group, groups_of
from usage.reporting.periods import PeriodInvalid, period_of
from usage.reporting.reports import report
from usage.reporting.sums import Sums
from usage.summary import chain_of

router = Router(tags=["Usage"])


class SummaryQuery(Schema):
    """A period (`period`, or `month`, or `since` with `until`; UTC) and by what it is narrowed."""

    period: Literal["24h", "7d", "30d", "90d", "month"] | None = Field(
        None, description="30d, if nothing is said."
    )
    month: str | None = Field(None, max_length=10, description="A UTC month, like 2026-10.")
    since: str | None = Field(None, max_length=10, description="A UTC day, like 2026-10-01.")
    until: str | None = Field(None, max_length=10, description="A UTC day, which is in it.")
    direction: Literal["consume", "supply"] | None = None
    service: int | None = Field(None, ge=1, le=INT64_MAX, description="The Exchange's number of it.")
    provider: int | None = Field(None, ge=0, le=INT64_MAX, description="0: not known.")
    family: str | None = Field(None, max_length=1000, description="The whole model family.")
    key: int | None = Field(None, ge=0, le=INT64_MAX, description="0: without a key.")


class SumsOut(Schema):
    """Tokens and US dollars, net of reversals; tokens without a known price are in no sum of dollars."""

    consumed_tokens: int
    supplied_tokens: int
    net_tokens: int
    cost: ExactNumber
    revenue: ExactNumber
    entries: int
    unpriced_tokens: int


class PartOut(SumsOut):
    """One row of a breakdown; `value` is what the logs' filter of that name takes."""

    value: str | None
    name: str


class PeriodOut(Schema):
    """From `since` up to `until` without it."""

    name: str
    since: datetime
    until: datetime


class PartsOut(Schema):
    """The largest rows of each breakdown."""

    service: list[PartOut]
    provider: list[PartOut]
    family: list[PartOut]
    key: list[PartOut]


class ExchangeTotalsOut(Schema):
    """The Exchange's own totals, as it told them last."""

    consumed_tokens: int
    supplied_tokens: int
    net_tokens: int
    ledger_hash: str | None
    entry_count: int | None
    fetched_at: datetime


class BookOut(Schema):
    """Everything that was ever recorded, and the Exchange's totals beside it."""

    consumed_tokens: int
    supplied_tokens: int
    net_tokens: int
    entry_count: int
    head_hash: str | None
    exchange: ExchangeTotalsOut | None


class SummaryOut(Schema):
    period: PeriodOut
    total: SumsOut
    before: SumsOut = Field(description="As much time as has passed of the period, just before it.")
    by: PartsOut
    book: BookOut


@router.get(
    "/summary",
    auth=allowed(Scope.READ),
    response={200: SummaryOut, **refusals(*KNOWN, 422)},
    summary="Sums of a period",
)
def summary(request: ApiRequest, query: Query[SummaryQuery]) -> SummaryOut:
    """Sums of a period, with breakdowns by service, provider, family and key; and the whole book."""
    account, now = request.auth.account, timezone.now()
    told = {name: str(value) for name, value in query.dict(exclude_none=True).items()}
    filters = filters_of(told)
    if filters.unknown:
        raise invalid([(name, _("cannot be meant.")) for name in filters.unknown])
    try:
        period = period_of(told, now)
    except PeriodInvalid as error:
        raise invalid(list(error.errors.items())) from error
    found = report(account, period, filters)
    groups = groups_of(account, found)
    return SummaryOut(
        period=PeriodOut(name=period.name, since=period.since, until=period.until),
        total=SumsOut(**_sums(found.total)),
        before=SumsOut(**_sums(found.before)),
        by=PartsOut(
            service=_parts(groups["service"]),
            provider=_parts(groups["provider"]),
            family=_parts(groups["family"]),
            key=_parts(groups["key"]),
        ),
        book=_book(account),
    )


def _parts(group: Group) -> list[PartOut]:
    return [PartOut(value=row.value, name=row.name, **_sums(row.sums)) for row in group.rows]


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "consumed_tokens": sums.consumed_tokens,
        "supplied_tokens": sums.supplied_tokens,
        "net_tokens": sums.net_tokens,
        "cost": dollars(sums.cost_nanos),
        "revenue": dollars(sums.revenue_nanos),
        "entries": sums.entries,
        "unpriced_tokens": sums.unpriced_tokens,
    }


def dollars(nanos: int) -> Decimal:
    """Nano-dollars as US dollars, exactly."""
    return Decimal(nanos).scaleb(-9)


def _book(account: ExchangeAccount) -> BookOut:
    chain, theirs = chain_of(account), snapshots.latest(account)
    return BookOut(
        consumed_tokens=chain.consumed_tokens,
        supplied_tokens=chain.supplied_tokens,
        net_tokens=chain.net_tokens,
        entry_count=chain.seq,
        head_hash=chain.hash if chain.seq else None,
        exchange=ExchangeTotalsOut(
            consumed_tokens=theirs.consumed_tokens,
            supplied_tokens=theirs.supplied_tokens,
            net_tokens=theirs.net_tokens,
            ledger_hash=theirs.ledger_hash,
            entry_count=theirs.entry_count,
            fetched_at=theirs.fetched_at,
        )
        if theirs
        else None,
    )
