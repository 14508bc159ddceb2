from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from usage.delivering.leases import claim
from usage.factories import make_entries, make_entry
from usage.models import Delivery, DeliveryHold, DeliveryQueue
from usage.queue import QueueStatus, account_status, queue_status

pytestmark = pytest.mark.django_db


def test_nothing_has_been_recorded(account: ExchangeAccount) -> None:
    assert queue_status(account.exchange) == account_status(account) == QueueStatus()


def test_it_counts_what_stands_where(account: ExchangeAccount) -> None:
    entries = make_entries(account, 4)
    claim(account.exchange, [entries[0].pk])
    for state in ("uncertain", "rejected", "rejected", "delivered", "withdrawn"):
        make_entry(account=account, state=state)
    make_entry(account=make_account())
    make_entry(account=make_account(exchange=make_exchange(base_url="http://old.example")))
    status = queue_status(account.exchange)
    assert (status.pending, status.sending, status.uncertain, status.rejected) == (4, 1, 1, 2)
    mine = account_status(account)
    assert (mine.pending, mine.sending, mine.uncertain, mine.rejected) == (3, 1, 1, 2)


def test_the_lag_is_that_of_the_oldest_even_if_it_failed_before(account: ExchangeAccount) -> None:
    first, _second = make_entries(account, 2)
    for at in (None, timezone.now() + timedelta(hours=1)):
        Delivery.objects.filter(pk=first.pk).update(next_attempt_at=at)
        status = queue_status(account.exchange)
        assert status.oldest_pending_at == first.recorded_at
        assert 0 <= status.lag_seconds < 60
    assert account_status(account).oldest_pending_at == first.recorded_at


def test_what_is_settled_does_not_lag(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    status = queue_status(account.exchange)
    assert (status.oldest_pending_at, status.lag_seconds) == (None, 0)


@pytest.mark.parametrize(("ago", "alive"), [(0, True), (13, True), (16, False), (3600, False)])
def test_a_worker_that_was_not_seen_lately_is_gone(ago: int, alive: bool, account: ExchangeAccount) -> None:
    seen = timezone.now() - timedelta(seconds=ago)
    DeliveryQueue.objects.create(exchange=account.exchange, worker_seen_at=seen)
    status = queue_status(account.exchange)
    assert (status.worker_seen_at, status.worker_alive) == (seen, alive)


def test_a_pause_that_is_over_is_none(account: ExchangeAccount) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    queue = DeliveryQueue.objects.create(exchange=account.exchange, paused_until=soon, failure="It is away.")
    status = account_status(account)
    assert (status.paused_until, status.is_paused, status.failure) == (soon, True, "It is away.")
    queue.paused_until = timezone.now() - timedelta(seconds=1)
    queue.save()
    assert not account_status(account).is_paused


def test_a_refused_account_is_told_why_its_entries_wait(account: ExchangeAccount) -> None:
    stranger = make_account(registered=False)
    make_entry(account=stranger)
    DeliveryHold.objects.create(account=stranger, until=timezone.now(), error="We do not take you.")
    assert account_status(stranger).failure == "We do not take you."
    assert queue_status(account.exchange).failure == "We do not take you."
    assert account_status(account).failure == ""


@pytest.mark.parametrize("entries", [1, 40])
def test_it_takes_the_same_few_looks_however_much_waits(
    entries: int, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_entries(account, entries)
    # 1. tallies; 2. what waits longest of the new, 3. of what failed before; 4. its time;
    # 5. refused accounts; 6. the queue
    with django_assert_num_queries(6):
        queue_status(account.exchange)
    # 1. tallies; 2. what waits longest; 3. whether it is refused; 4. the queue
    with django_assert_num_queries(4):
        account_status(account)
