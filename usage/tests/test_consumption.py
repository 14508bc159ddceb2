from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog import consumption as asked
from catalog.tests.kept import fetched, keep_service
from usage import ledger
from usage.consumption import consumed_by_service
from usage.factories import make_entry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 17, 42, 5, tzinfo=UTC)
DAYS = timedelta(days=30)


def test_it_is_what_was_consumed_by_service(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=7, occurred_at=NOW)
    make_entry(account=account, service_id=7, occurred_at=NOW - timedelta(days=3))
    make_entry(account=account, service_id=8, occurred_at=NOW - timedelta(days=29))
    make_entry(account=account, service_id=8, direction="supply", occurred_at=NOW)
    make_entry(service_id=9, occurred_at=NOW)  # somebody else's
    assert consumed_by_service(account, NOW - DAYS, NOW) == {7: 3000, 8: 1500}


def test_the_hours_of_both_ends_are_counted_whole_and_no_more(account: ExchangeAccount) -> None:
    since = NOW - DAYS
    for at in (since.replace(minute=0, second=0), NOW):
        make_entry(account=account, service_id=7, occurred_at=at)
    for at in (since.replace(minute=0, second=0) - timedelta(seconds=1), NOW + timedelta(minutes=18)):
        make_entry(account=account, service_id=8, occurred_at=at)
    assert consumed_by_service(account, since, NOW) == {7: 3000}
    # an end at the full hour has nothing of the next one
    assert consumed_by_service(account, since, NOW.replace(hour=17, minute=0, second=0)) == {7: 1500}


def test_what_was_taken_back_was_not_consumed(account: ExchangeAccount) -> None:
    entry = make_entry(account=account, service_id=7, occurred_at=NOW)
    ledger.reverse(account, entry.seq, reason="twice", source="page")
    assert consumed_by_service(account, NOW - DAYS, NOW) == {7: 0}


def test_the_catalogue_asks_it(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=7)
    assert asked.last_30_days(account, timezone.now()) == {7: 1500}
    assert asked.last_30_days(make_account(), timezone.now()) == {}


def test_comparing_shows_what_my_last_30_days_would_have_cost(
    signed_in: Client, account: ExchangeAccount
) -> None:
    fetched()
    keep_service(11, price="0.002")
    keep_service(12, price="0.001")
    make_entry(account=account, service_id=11, prompt_tokens=1_000_000, completion_tokens=0)
    html = signed_in.get("/catalog/compare/?service=11&service=12").content.decode()
    assert "you consumed 1,000,000 tokens of gpt-4o" in html
    assert ("$2.00" in html, "$1.00" in html, "Not known yet" in html) == (True, True, False)


def test_a_providers_page_shows_what_was_consumed_there(signed_in: Client, account: ExchangeAccount) -> None:
    fetched()
    service = keep_service(11)
    make_entry(account=account, service_id=11, prompt_tokens=4000, completion_tokens=321)
    html = signed_in.get(f"/catalog/providers/{service.provider.remote_id}/").content.decode()
    assert "4,321 tokens" in html
    assert "not known yet" not in html
