from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import ExchangeAccount
from catalog.tests.conftest import provider, seller
from catalog.tests.wire import Wire, asks_nobody, wire
from usage.tests.reporting import Counting
from usage.tests.their_books import TheirBooks

__all__ = ["asks_nobody", "provider", "seller", "wire"]


@pytest.fixture
def acting(account: ExchangeAccount, configure: Callable[..., None]) -> ExchangeAccount:
    """The account for which the commands act; a consumer."""
    configure(email=account.user.email)
    return account


@pytest.fixture
def exchange(wire: Wire) -> Counting:
    """An Exchange that counts reports, and a repeated one once."""
    return Counting(wire)


@pytest.fixture
def core(wire: Wire) -> Counting:
    """An Exchange that has only the contract's core."""
    return Counting(wire, proves=False)


@pytest.fixture
def theirs(wire: Wire, account: ExchangeAccount) -> TheirBooks:
    """The Exchange's book of ``account``, empty; a statement is offered."""
    return TheirBooks(wire, account)
