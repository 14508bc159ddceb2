"""profile: who calls, and how they are registered at the Exchange."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ninja import Router, Schema
from pydantic import Field

from accounts.api.callers import ApiRequest, allowed
from accounts.api.responses import KNOWN, refusals
from accounts.exchanges import status_of
from accounts.models import ExchangeAccount, User
from accounts.models.api_key import Scope

router = Router(tags=["Profile"])


class FreeQuotaOut(Schema):
    """The account's free quota at the Exchange, in tokens."""

    granted: int
    used: int
    left: int


class OwnProviderOut(Schema):
    """As what the account sells, by the contract's names."""

    id: int
    display_name: str
    description: str


class ExchangeOut(Schema):
    """The Exchange of this site, and how it did when it was last asked."""

    base_url: str
    state: Literal["connected", "unreachable", "unknown"]
    checked_at: datetime | None


class ProfileOut(Schema):
    """A person and their registration; `user_id` and `provider` are the Exchange's."""

    email: str
    display_name: str
    registered: bool = Field(description="Whether the Exchange knows the account yet.")
    user_id: int | None
    roles: list[str]
    provider: OwnProviderOut | None
    free_tokens: FreeQuotaOut | None
    as_of: datetime | None = Field(description="When the Exchange last told this.")
    exchange: ExchangeOut


@router.get(
    "", auth=allowed(Scope.READ), response={200: ProfileOut, **refusals(*KNOWN)}, summary="Who you are"
)
def profile(request: ApiRequest) -> ProfileOut:
    """The account behind the key or the cookie, as the Exchange last told it."""
    return profile_of(request.auth.user, request.auth.account)


def profile_of(user: User, account: ExchangeAccount) -> ProfileOut:
    """The document, from what is kept here."""
    status = status_of(account.exchange)
    return ProfileOut(
        email=user.email,
        display_name=user.display_name,
        registered=account.is_registered,
        user_id=account.exchange_user_id,
        roles=list(account.roles),
        provider=OwnProviderOut(
            id=account.provider_id,
            display_name=account.provider_name,
            description=account.provider_description,
        )
        if account.provider_id is not None
        else None,
        free_tokens=FreeQuotaOut(
            granted=account.free_granted or 0, used=account.free_used or 0, left=account.free_left or 0
        )
        if account.free_left is not None
        else None,
        as_of=account.refreshed_at,
        exchange=ExchangeOut(base_url=status.base_url, state=status.state, checked_at=status.checked_at),
    )
