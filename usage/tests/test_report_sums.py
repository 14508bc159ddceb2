from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.kept import keep_service
from usage import ledger
from usage.factories import make_draft, make_entries, make_entry
from usage.models import LedgerEntry
from usage.reporting.periods import HOUR
from usage.reporting.sums import Part, Sums, by_part, by_start, total, within

pytestmark = pytest.mark.django_db
START = datetime(2026, 10, 1, 5, tzinfo=UTC)
HOURS = 24 * 5


def seen(account: ExchangeAccount, since: datetime, until: datetime) -> tuple[int, int, int]:
    """Consumed and supplied tokens, and entries, as the entries themselves add up."""
    entries = list(LedgerEntry.objects.filter(account=account, occurred_at__gte=since, occurred_at__lt=until))
    consumed = sum(e.sign * e.total_tokens for e in entries if e.direction == "consume")
    supplied = sum(e.sign * e.total_tokens for e in entries if e.direction == "supply")
    return consumed, supplied, len(entries)


@pytest.fixture
def busy(account: ExchangeAccount) -> ExchangeAccount:
    """Entries around the beginning and end of hours and days, one of them taken back."""
    edge = timedelta(microseconds=1)
    at = [START + HOUR * hour + shift for hour in range(0, HOURS, 3) for shift in (timedelta(0), HOUR - edge)]
    drafts = [
        make_draft(
            occurred_at=moment,
            prompt_tokens=10**place % 9973,
            completion_tokens=place,
            direction="supply" if place % 3 == 0 else "consume",
        )
        for place, moment in enumerate(at)
    ]
    entries = make_entries(account, drafts)
    ledger.reverse(account, entries[7].seq, reason="counted twice", source="page")
    make_entry(occurred_at=START)  # somebody else's
    return account


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(-3, HOURS), length=st.integers(0, HOURS))
def test_any_stretch_of_hours_is_what_its_entries_add_up_to(
    busy: ExchangeAccount, first: int, length: int
) -> None:
    since, until = START + HOUR * first, START + HOUR * (first + length)
    sums = total(within(busy, since, until))
    assert (sums.consumed_tokens, sums.supplied_tokens, sums.entries) == seen(busy, since, until)


@pytest.mark.parametrize("step", ["hour", "day", "week"])
def test_the_steps_of_a_chart_add_up_to_the_whole(busy: ExchangeAccount, step: str) -> None:
    since, until = START.replace(hour=0), START.replace(hour=0) + timedelta(days=7)
    found = by_start(busy, since, until, step)  # type: ignore[arg-type]
    assert sum(sums.tokens for sums in found.values()) == total(within(busy, since, until)).tokens > 0


def test_cost_revenue_and_what_has_no_price_are_told_apart(account: ExchangeAccount) -> None:
    keep_service(7, price="0.005")
    make_entry(account=account, service_id=7, prompt_tokens=2000, completion_tokens=0, occurred_at=START)
    make_entry(
        account=account,
        service_id=7,
        prompt_tokens=1000,
        completion_tokens=0,
        direction="supply",
        occurred_at=START,
    )
    make_entry(account=account, service_id=99, prompt_tokens=40, completion_tokens=2, occurred_at=START)
    sums = total(within(account, START, START + HOUR))
    assert sums == Sums(
        consumed_tokens=2042,
        supplied_tokens=1000,
        cost_nanos=10_000_000,
        revenue_nanos=5_000_000,
        consumed_entries=2,
        supplied_entries=1,
        unpriced_tokens=42,
    )
    assert (sums.net_tokens, sums.net_nanos, sums.entries) == (-1042, 5_000_000, 3)
    assert sums.of("supply") == Sums(
        supplied_tokens=1000, revenue_nanos=5_000_000, supplied_entries=1, unpriced_tokens=42
    )


def test_parts_are_by_service_provider_family_and_key(account: ExchangeAccount) -> None:
    service = keep_service(7, family="gpt-4o")
    make_entry(account=account, service_id=7, occurred_at=START)
    make_entry(account=account, service_id=7, direction="supply", occurred_at=START)
    make_entry(account=account, service_id=99, occurred_at=START)
    found = by_part(within(account, START, START + HOUR))
    assert {part: sums.tokens for part, sums in found.items()} == {
        Part(7, service.provider.remote_id, "gpt-4o", 0): 3000,
        Part(99, 0, "", 0): 1500,
    }


def test_columns_narrow_it(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=7, occurred_at=START)
    make_entry(account=account, service_id=8, occurred_at=START)
    assert total(within(account, START, START + HOUR, {"service_id": 8})).entries == 1


def test_the_largest_counts_are_whole(account: ExchangeAccount) -> None:
    make_entries(
        account,
        [make_draft(prompt_tokens=2**53 - 1, completion_tokens=2**53 - 1, occurred_at=START)] * 3,
    )
    assert total(within(account, START, START + HOUR)).consumed_tokens == 6 * (2**53 - 1)


def test_nothing_is_nothing(db: None) -> None:
    assert total(within(make_account(), START, START + timedelta(days=3))) == Sums()


def test_a_stretch_takes_one_query_however_ragged(
    busy: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        total(within(busy, START, START + HOUR * (HOURS - 7)))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what is in the table")
def test_it_reads_the_stretch_and_not_all_that_the_account_has(account: ExchangeAccount) -> None:
    stretch = within(account, START, START + HOUR * (HOURS - 7))
    plans = [rows.explain() for rows in stretch]
    assert len(plans) == 3
    assert all("account_id=? AND grain=? AND starts_at>? AND starts_at<?" in plan for plan in plans)
