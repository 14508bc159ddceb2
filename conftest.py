"""Fixtures for every app's tests."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client, TransactionTestCase
from django.utils import translation

from accounts import exchanges
from accounts.auditing.triggers import AUDIT
from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, User
from usage import triggers
from usage.memos import index as memo_index


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On another database than the usual one: what asks a database, and what crosses the apps."""
    crossing = Path(__file__).parent / "tests"
    if not os.environ.get("TEST_DATABASE_URL"):
        return

    def asks(item: pytest.Item) -> bool:
        fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
        return bool(fixtures or item.get_closest_marker("django_db")) or crossing in item.path.parents

    config.hook.pytest_deselected(items=[item for item in items if not asks(item)])
    items[:] = [item for item in items if asks(item)]


@pytest.fixture(autouse=True, scope="session")
def _ledger_can_be_flushed() -> Iterator[None]:
    """Tests that commit empty every table at their end; the triggers against that are lifted for it alone."""
    flush = TransactionTestCase._fixture_teardown

    def lift_and_flush(self: TransactionTestCase) -> None:
        with triggers.lifted(connection), AUDIT.lifted(connection):
            memo_index.clear()
            flush(self)

    TransactionTestCase._fixture_teardown = lift_and_flush  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _fresh_exchange_client() -> Iterator[None]:
    """One client a process is right for the site; a test must not meet another's circuit breaker."""
    exchanges._client_for.cache_clear()
    cache.clear()
    yield
    exchanges._client_for.cache_clear()


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A request of the test client leaves its language in the thread; a test begins in English."""
    with translation.override("en"):
        yield


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change the configuration for one test: ``configure(base_url=..., sign_up="closed")``."""

    def change(**values: object) -> None:
        monkeypatch.setattr(settings, "TOKLIGENCE", dataclasses.replace(settings.TOKLIGENCE, **values))

    return change


@pytest.fixture
def user(db: None) -> User:
    return make_user(email="ada@example.com")


@pytest.fixture
def account(user: User) -> ExchangeAccount:
    return make_account(user=user)


@pytest.fixture
def signed_in(client: Client, account: ExchangeAccount) -> Client:
    """A browser in which the owner of ``account`` is signed in."""
    client.force_login(account.user)
    return client
