from __future__ import annotations

import pytest

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from usage.dashboard import next_steps
from usage.tests.factories import make_snapshot

pytestmark = pytest.mark.django_db


def ticks(account: ExchangeAccount, **figures: int) -> list[bool]:
    snapshot = make_snapshot(account=account, **figures) if figures else None
    return [step.done for step in next_steps(account, snapshot)]


def test_all_lies_ahead_of_who_is_not_registered() -> None:
    assert ticks(make_account(registered=False)) == [False, False, False]


def test_registering_is_the_first_tick(account: ExchangeAccount) -> None:
    assert ticks(account) == [True, False, False]


def test_figures_of_zero_tick_nothing_off(account: ExchangeAccount) -> None:
    assert ticks(account, consumed=0) == [True, False, False]


def test_who_has_used_something_is_done(account: ExchangeAccount) -> None:
    assert ticks(account, consumed=1) == []


def test_a_provider_is_asked_to_publish(provider: ExchangeAccount) -> None:
    assert [step.url for step in next_steps(provider, None)][1] == "/catalog/services/publish/"
    assert ticks(provider, consumed=1, service_count=0) == [True, False, True, True]


def test_publishing_ticks_itself_off(provider: ExchangeAccount) -> None:
    assert ticks(provider, service_count=1) == [True, True, False, False]


def test_a_provider_who_published_and_supplied_is_done(provider: ExchangeAccount) -> None:
    assert ticks(provider, supplied=1, service_count=1) == []


def test_who_is_no_provider_is_not_asked_to_publish(account: ExchangeAccount) -> None:
    assert "/catalog/services/publish/" not in [step.url for step in next_steps(account, None)]


def test_what_is_in_our_own_book_counts_too(account: ExchangeAccount) -> None:
    assert next_steps(account, None, recorded=True) == []
