"""What the API says of keys and takes for them: the schemas, and the way there and back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, Field

from accounts import api_keys
from accounts.api.errors import invalid
from accounts.api.json import Body, ExactNumber
from accounts.keys.budgets import NANOS, Budget, Standing, standing_of
from accounts.keys.settings import LONGEST_LABEL, LONGEST_TAG, MOST_TAGS
from accounts.models import ApiKey
from accounts.models.api_key import BudgetPeriod, BudgetUnit, Scope
from exchange.fields import INT64_MAX

OVERLAP = 24 * 3600
"""Seconds for which the secrets from before work on, where nothing is said."""
Amount = Annotated[Decimal, Field(gt=0, le=INT64_MAX, allow_inf_nan=False)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(_("must be a time with its offset, like 2026-01-31T12:00:00Z.")) from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""With its offset; one that lies within Python's years."""


class BudgetIn(Body):
    """What a key may spend: tokens or US dollars, per UTC day, week (from Monday) or month, or in total."""

    unit: BudgetUnit
    period: BudgetPeriod
    limit: Amount = Field(examples=[1_000_000])
    soft_limit: Amount | None = Field(None, description="Where a mail warns; below the limit.")


class KeyIn(Body):
    """Everything but the label may be left out."""

    label: str = Field(max_length=LONGEST_LABEL, examples=["Night batch"])
    tags: list[Annotated[str, Field(max_length=LONGEST_TAG)]] = Field([], max_length=MOST_TAGS)
    scopes: list[Scope] = Field([Scope.READ, Scope.RECORD], min_length=1)
    expires_at: Moment | None = None
    default_service_id: int | None = Field(
        None, ge=1, le=INT64_MAX, description="The service that is meant where an entry names none."
    )
    budget: BudgetIn | None = None


class KeyPatch(Body):
    """What is left out stays as it is; null takes an end, a default service or a budget away."""

    label: str = Field("", max_length=LONGEST_LABEL)
    tags: list[Annotated[str, Field(max_length=LONGEST_TAG)]] = Field([], max_length=MOST_TAGS)
    scopes: list[Scope] = Field([Scope.READ], min_length=1)
    expires_at: Moment | None = None
    default_service_id: int | None = Field(None, ge=1, le=INT64_MAX)
    budget: BudgetIn | None = None


class RotateIn(Body):
    overlap_seconds: int = Field(
        OVERLAP,
        ge=0,
        le=int(api_keys.LONGEST_OVERLAP.total_seconds()),
        description="How long the secrets from before still work.",
    )


class BudgetOut(Schema):
    """A budget and what is spent of it: whole tokens, or US dollars."""

    unit: BudgetUnit
    period: BudgetPeriod
    limit: int | ExactNumber
    soft_limit: int | ExactNumber | None
    spent: int | ExactNumber
    left: int | ExactNumber
    allowed: bool = Field(description="Whether anything may still be spent.")
    unpriced_tokens: int = Field(description="Tokens whose price is not known; in no sum of dollars.")
    starts_at: datetime | None = Field(description="From when entries count; null: all of them.")
    resets_at: datetime | None = Field(description="When it starts anew; null: never.")


class SecretOut(Schema):
    """A secret that works, by its beginning."""

    prefix: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class KeyOut(Schema):
    id: int
    label: str
    tags: list[str]
    scopes: list[Scope]
    state: api_keys.State
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    default_service_id: int | None
    budget: BudgetOut | None
    secrets: list[SecretOut]


class KeyWithSecretOut(KeyOut):
    """The only answer that has the secret: it cannot be shown again."""

    secret: str = Field(examples=["tgk_Ab3dEf6h_…"])


class KeysOut(Schema):
    keys: list[KeyOut]


def budget_out(standing: Standing) -> BudgetOut | None:
    """The budget's document; None for a key without one."""
    budget = standing.budget
    if budget is None:
        return None
    return BudgetOut(
        unit=budget.unit,
        period=budget.period,
        limit=budget.amount(budget.limit),
        soft_limit=None if budget.soft_limit is None else budget.amount(budget.soft_limit),
        spent=budget.amount(standing.figure),
        left=budget.amount(standing.left or 0),
        allowed=standing.allowed,
        unpriced_tokens=standing.spent.unpriced_tokens,
        starts_at=standing.window.starts_at,
        resets_at=standing.window.ends_at,
    )


def key_out(key: ApiKey, standing: Standing) -> KeyOut:
    """A key as ``accounts.api_keys.keys_of`` gives it, and how it stands."""
    return KeyOut(**_document(key, standing))


def with_secret(created: api_keys.Created) -> KeyWithSecretOut:
    """A key whose secret was made just now, with that."""
    key, now = api_keys.own_key(created.key.user, created.key.pk), timezone.now()
    return KeyWithSecretOut(**_document(key, standing_of(key, now)), secret=created.secret_text)


def budget_in(told: BudgetIn | None) -> Budget | None:
    """The budget that is meant. Raises ApiError where its unit has no such figure: half a token."""
    if told is None:
        return None
    return Budget(
        unit=told.unit,
        period=told.period,
        limit=_figure(told.unit, told.limit, "budget.limit"),
        soft_limit=None
        if told.soft_limit is None
        else _figure(told.unit, told.soft_limit, "budget.soft_limit"),
    )


def _figure(unit: BudgetUnit, amount: Decimal, field: str) -> int:
    figure = amount if unit == BudgetUnit.TOKENS else amount * NANOS
    if figure != int(figure):
        raise invalid([(field, _("Give whole tokens, or US dollars with nine decimal places at the most."))])
    if figure > INT64_MAX:
        raise invalid([(field, _("Give more than 0, and no more than a ledger can hold."))])
    return int(figure)


def _document(key: ApiKey, standing: Standing) -> dict[str, Any]:
    return {
        "id": key.pk,
        "label": key.label,
        "tags": key.tags,
        "scopes": key.scopes,
        "state": api_keys.state_of(key, timezone.now()),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.used_at,  # type: ignore[attr-defined]  # annotated by keys_of
        "default_service_id": key.default_service_id,
        "budget": budget_out(standing),
        "secrets": [
            {
                "prefix": secret.prefix,
                "created_at": secret.created_at,
                "expires_at": secret.expires_at,
                "last_used_at": secret.last_used_at,
            }
            for secret in key.live_secrets  # type: ignore[attr-defined]
        ],
    }
