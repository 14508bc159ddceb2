"""budget: asked before tokens are spent. It never stops a record of what was spent."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from accounts import api_keys
from accounts.api.callers import ApiRequest, Caller, allowed
from accounts.api.errors import invalid
from accounts.api.json import ExactNumber
from accounts.api.key_documents import budget_out
from accounts.api.responses import KNOWN, refusals
from accounts.keys.budgets import standing_of
from accounts.models import ApiKey
from accounts.models.api_key import BudgetPeriod, BudgetUnit, Scope
from exchange.fields import INT64_MAX

router = Router(tags=["Budget"])


class BudgetQuery(Schema):
    key: int | None = Field(None, ge=1, le=INT64_MAX, description="For people: which key.")


class CountedOut(Schema):
    """Which entries the figure counts."""

    entries: int
    which: str


class BudgetStatusOut(Schema):
    """Whether a key may spend, and what is spent: tokens, or US dollars where that is the unit.

    Without a budget everything is allowed, and what is told is the tokens of this UTC month.
    """

    allowed: bool
    key_id: int
    label: str
    unit: BudgetUnit
    period: BudgetPeriod
    limit: int | ExactNumber | None
    soft_limit: int | ExactNumber | None
    soft_limit_reached: bool
    spent: int | ExactNumber
    left: int | ExactNumber | None
    unpriced_tokens: int = Field(description="Tokens whose price is not known; in no sum of dollars.")
    starts_at: datetime | None = Field(description="From when entries count; null: all of them.")
    resets_at: datetime | None = Field(description="When it starts anew; null: never.")
    counted: CountedOut


@router.get(
    "",
    auth=allowed(Scope.READ, Scope.RECORD),
    response={200: BudgetStatusOut, **refusals(*KNOWN, 404, 422)},
    summary="May I spend?",
)
def budget(request: ApiRequest, query: Query[BudgetQuery]) -> BudgetStatusOut:
    """Ask before you spend: 200 with `allowed`, whatever it says."""
    key = _asked_for(request.auth, query.key)
    standing = standing_of(key, timezone.now())
    told = budget_out(standing)
    return BudgetStatusOut(
        allowed=standing.allowed,
        key_id=key.pk,
        label=key.label,
        unit=told.unit if told else BudgetUnit.TOKENS,
        period=told.period if told else BudgetPeriod.MONTH,
        limit=told.limit if told else None,
        soft_limit=told.soft_limit if told else None,
        soft_limit_reached=standing.is_soft,
        spent=told.spent if told else standing.figure,
        left=told.left if told else None,
        unpriced_tokens=standing.spent.unpriced_tokens,
        starts_at=standing.window.starts_at,
        resets_at=standing.window.ends_at,
        counted=CountedOut(
            entries=standing.spent.entries,
            which=_(
                "What this key's entries consumed that occurred in the period, reversals taken off, "
                "whether the Exchange has counted them yet or not."
            ),
        ),
    )


def _asked_for(caller: Caller, number: int | None) -> ApiKey:
    if caller.key is not None:
        # a program asks for itself: others' limits are not among what its scopes open
        if number not in (None, caller.key.pk):
            raise Http404
        return caller.key
    if number is None:
        raise invalid([("key", _("Say which key: its number is in keys."))])
    return api_keys.own_key(caller.user, number)
