"""Makers of rows for tests: keyword-only, with sensible defaults."""

from __future__ import annotations

import itertools

from django.conf import settings
from django.utils import timezone

from accounts.api_keys import create_key
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, Exchange, ExchangeAccount, User

_numbers = itertools.count(1)


def make_user(
    *, email: str | None = None, staff: bool = False, active: bool = True, display_name: str = ""
) -> User:
    return User.objects.create_user(
        email or f"person{next(_numbers)}@example.com",
        is_staff=staff,
        is_superuser=staff,
        is_active=active,
        display_name=display_name,
    )


def make_exchange(*, base_url: str | None = None) -> Exchange:
    return Exchange.objects.get_or_create(base_url=base_url or settings.TOKLIGENCE.base_url)[0]


def make_account(
    *,
    user: User | None = None,
    exchange: Exchange | None = None,
    registered: bool = True,
    provider: bool = False,
    provider_name: str = "Acme Inference",
) -> ExchangeAccount:
    """An account; registered as consumer, or also as provider, or not registered yet."""
    number = next(_numbers)
    now = timezone.now()
    return ExchangeAccount.objects.create(
        user=user or make_user(),
        exchange=exchange or make_exchange(),
        exchange_user_id=number if registered or provider else None,
        roles=["consumer", "provider"] if provider else ["consumer"] if registered else [],
        provider_id=number + 1000 if provider else None,
        provider_name=provider_name if provider else "",
        registered_at=now if registered else None,
        refreshed_at=now if registered else None,
    )


def make_api_key(*, user: User | None = None, label: str = "Agent") -> ApiKey:
    """A key with one secret, whose text nobody has; who needs that calls ``create_key``."""
    return create_key(user or make_user(), KeySettings(label=label)).key
