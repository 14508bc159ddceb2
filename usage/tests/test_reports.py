from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import ExchangeAccount
from usage.factories import make_entry
from usage.reporting.filters import filters_of
from usage.reporting.periods import period_of
from usage.reporting.reports import Change, Report, report

NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)
DAY = timedelta(days=1)


def of(account: ExchangeAccount, **query: str) -> Report:
    return report(account, period_of(query, NOW), filters_of(query))


@pytest.mark.django_db
def test_a_period_is_its_sums_and_those_just_before_it(account: ExchangeAccount) -> None:
    make_entry(account=account, prompt_tokens=100, completion_tokens=0, occurred_at=NOW)
    make_entry(account=account, prompt_tokens=20, completion_tokens=0, occurred_at=NOW - 7 * DAY)
    make_entry(account=account, prompt_tokens=3, completion_tokens=0, occurred_at=NOW - 30 * DAY)
    found = of(account, period="7d")
    assert (found.total.consumed_tokens, found.before.consumed_tokens) == (100, 20)
    assert found.changes["consumed_tokens"] == Change(100, 20)
    assert found.changes["net_tokens"] == Change(-100, -20)


@pytest.mark.django_db
def test_its_bars_are_all_its_steps_and_add_up(account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=NOW)
    make_entry(account=account, occurred_at=NOW - 29 * DAY, direction="supply")
    found = of(account, period="30d")
    assert [sums.tokens for _start, sums in found.bars] == [1500, *[0] * 28, 1500]
    assert (found.total.consumed_tokens, found.total.supplied_tokens) == (1500, 1500)


@pytest.mark.django_db
def test_a_week_that_begins_before_the_period_counts_only_what_is_in_it(account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    make_entry(account=account, occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    found = of(account, since="2026-01-01", until="2026-10-31")
    assert found.bars[0][1].entries == found.total.entries == 1


@pytest.mark.django_db
def test_filters_narrow_all_of_it(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=7, occurred_at=NOW)
    make_entry(account=account, service_id=8, occurred_at=NOW)
    make_entry(account=account, service_id=8, occurred_at=NOW - 10 * DAY)
    found = of(account, period="7d", service="8")
    assert (found.total.entries, found.before.entries) == (1, 1)
    assert found.consumed_by_service == {8: 1500}


@pytest.mark.django_db
def test_it_takes_three_queries(
    account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # 1 by day, 2 the period before, 3 by service, provider, family, key and direction
    with django_assert_num_queries(3):
        of(account, period="90d")


@pytest.mark.parametrize(
    ("now", "before", "kind", "percent"),
    [
        (0, 0, "none", ""),
        (5, 0, "new", ""),
        (7, 7, "same", "<0.1\N{NO-BREAK SPACE}%"),
        (9, 8, "up", "12.5\N{NO-BREAK SPACE}%"),
        (6, 8, "down", "25.0\N{NO-BREAK SPACE}%"),
        (0, 8, "down", "100.0\N{NO-BREAK SPACE}%"),
        # of a negative net, less negative is up
        (-10, -20, "up", "50.0\N{NO-BREAK SPACE}%"),
        (10**9 + 1, 10**9, "up", "<0.1\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_change_is_said_in_kind_and_percent(now: int, before: int, kind: str, percent: str) -> None:
    change = Change(now, before)
    assert (change.kind, change.percent, change.by) == (kind, percent, now - before)


def test_from_next_to_nothing_a_percentage_says_nothing() -> None:
    assert not Change(2_000_000, 3).can_be_percent
    assert Change(200, 3).can_be_percent
    assert not Change(1, 0).can_be_percent
