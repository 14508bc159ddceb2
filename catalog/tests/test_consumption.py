from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import ExchangeAccount
from catalog import consumption

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nobody_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "_source", None)


def test_until_somebody_keeps_books_it_cannot_be_known(account: ExchangeAccount) -> None:
    assert consumption.consumed_by_service(account, NOW, NOW) is None
    assert consumption.last_30_days(account, NOW) is None


def test_it_is_what_the_registered_source_says_of_this_account_and_time(account: ExchangeAccount) -> None:
    asked = []

    def source(whose: ExchangeAccount, since: datetime, until: datetime) -> Mapping[int, int]:
        asked.append((whose, since, until))
        return {11: 5, 12: 0, 13: -7}

    consumption.register(source)
    assert consumption.last_30_days(account, NOW) == {11: 5}
    assert asked == [(account, NOW - timedelta(days=30), NOW)]


def test_a_source_that_does_not_know_is_believed(account: ExchangeAccount) -> None:
    consumption.register(lambda *_: {11: 5})
    consumption.register(lambda *_: None)
    assert consumption.last_30_days(account, NOW) is None
