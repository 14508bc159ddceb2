from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.factories import make_account
from accounts.models import ExchangeAccount, User
from catalog.tests.listing import market  # noqa: F401
from catalog.tests.wire import asks_nobody, wire  # noqa: F401


@pytest.fixture
def provider(user: User) -> ExchangeAccount:
    return make_account(user=user, provider=True)


@pytest.fixture
def seller(client: Client, provider: ExchangeAccount) -> Client:
    """A browser in which a provider is signed in."""
    client.force_login(provider.user)
    return client


@pytest.fixture
def acting(provider: ExchangeAccount, configure: Callable[..., None]) -> ExchangeAccount:
    """The account for which the commands act; a provider."""
    configure(email=provider.user.email)
    return provider
