"""Who may send what, and what becomes of it when a worker dies."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage.delivering.leases import CALL_SECONDS, LEASE, Claimed, claim, expire, release
from usage.delivery import deliver_due, settle_by_person
from usage.factories import make_entries, make_entry
from usage.models import Delivery, LedgerEntry
from usage.tests.reporting import (
    Counting,
    attempts_of,
    delivery_of,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db


def take(entry: LedgerEntry) -> Claimed:
    (claimed,) = claim(entry.account.exchange, [entry.pk])
    return claimed


def die(entry: LedgerEntry) -> Claimed:
    """Take the entry, and let the lease run out, as who is killed does."""
    claimed = take(entry)
    Delivery.objects.filter(pk=entry.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    return claimed


def test_an_entry_is_taken_once(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    claimed = take(entry)
    assert claim(account.exchange, [entry.pk]) == []
    assert claimed.number == 1
    assert attempts_of(entry) == [(1, "")]
    assert tallies_are_right()


def test_a_lease_outlasts_the_call() -> None:
    assert timedelta(seconds=2 * CALL_SECONDS) < LEASE


@pytest.mark.parametrize("state", ["delivered", "rejected", "uncertain", "withdrawn", "local"])
def test_what_does_not_wait_is_not_taken(state: str, account: ExchangeAccount) -> None:
    entry = make_entry(account=account, state=state)
    assert claim(account.exchange, [entry.pk]) == []
    assert state_of(entry) == state


def test_what_is_put_off_is_not_taken(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=60))
    assert claim(account.exchange, [entry.pk]) == []
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert len(claim(account.exchange, [entry.pk])) == 1


def test_another_exchanges_entry_is_not_taken(account: ExchangeAccount) -> None:
    entry = make_entry(account=make_account(exchange=make_exchange(base_url="http://old.example")))
    assert claim(account.exchange, [entry.pk]) == []


def test_nobody_takes_an_entry_inside_a_transaction(account: ExchangeAccount, transactional_db: None) -> None:
    entry = make_entry(account=account)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        claim(account.exchange, [entry.pk])


def test_what_was_not_sent_is_given_back_as_if_it_had_not_been_taken(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    release([take(entry)])
    delivery = delivery_of(entry)
    assert (delivery.state, delivery.attempts, delivery.lease) == ("pending", 0, None)
    assert attempts_of(entry) == []
    assert tallies_are_right()


def test_who_lost_the_lease_gives_nothing_back(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    claimed = die(entry)
    expire(account.exchange)
    release([claimed])
    assert state_of(entry) == "uncertain"


def test_who_lost_the_lease_does_not_give_back_what_another_has_taken(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    settle_by_person(account, entry.seq, counted=False)
    take(entry)
    release([late])
    assert (state_of(entry), delivery_of(entry).attempts) == ("sending", 2)
    assert [number for number, _outcome in attempts_of(entry)] == [1, 2]


def test_a_dead_workers_entry_is_uncertain(account: ExchangeAccount, wire: Wire) -> None:
    core = Counting(wire, proves=False)
    entry = make_entry(account=account)
    die(entry)
    done = deliver_due(account.exchange)
    assert (done.expired, done.delivered) == (1, 0)
    delivery = delivery_of(entry)
    assert (delivery.state, delivery.lease, delivery.leased_until) == ("uncertain", None, None)
    assert "stopped" in delivery.error
    assert attempts_of(entry) == [(1, "uncertain")]
    assert core.keys == []
    assert tallies_are_right()


def test_a_dead_workers_entry_waits_again_where_a_repeat_counts_once(account: ExchangeAccount) -> None:
    prove(account)
    entry = make_entry(account=account)
    die(entry)
    assert expire(account.exchange) == 1
    delivery = delivery_of(entry)
    assert (delivery.state, delivery.lease) == ("pending", None)
    # not at once: it may be what kills workers
    assert delivery.next_attempt_at is not None
    assert attempts_of(entry) == [(1, "uncertain")]
    assert tallies_are_right()


def test_a_lease_that_holds_is_left_alone(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    take(entry)
    assert expire(account.exchange) == 0
    assert state_of(entry) == "sending"


def test_a_crash_between_the_report_and_its_note_counts_once(account: ExchangeAccount, wire: Wire) -> None:
    exchange = Counting(wire)
    prove(account)
    entry = make_entry(account=account)

    class KilledError(BaseException):
        pass

    def kill(body: dict[str, object], key: str) -> None:
        exchange._count(body, key)
        raise KilledError

    exchange.before = kill
    with pytest.raises(KilledError):
        deliver_due(account.exchange)
    exchange.before = lambda _body, _key: None
    assert state_of(entry) == "sending"
    Delivery.objects.filter(state="sending").update(leased_until=timezone.now() - timedelta(seconds=1))
    expire(account.exchange)
    Delivery.objects.update(next_attempt_at=None)
    assert deliver_due(account.exchange).delivered == 1
    assert len(exchange.counted) == 1
    assert exchange.keys == [entry.hash, entry.hash]


def test_nothing_is_sent_under_a_lease_that_is_nearly_over(account: ExchangeAccount) -> None:
    claimed = take(make_entry(account=account))
    assert claimed.has_time_for(CALL_SECONDS)
    slept = Claimed(
        delivery=claimed.delivery,
        number=1,
        lease=claimed.lease,
        until=timezone.now() + timedelta(seconds=CALL_SECONDS),
    )
    assert not slept.has_time_for(CALL_SECONDS)


def test_a_whole_batch_is_one_transaction_each(account: ExchangeAccount) -> None:
    entries = make_entries(account, 20)
    with CaptureQueriesContext(connection) as queries:
        claimed = claim(account.exchange, [entry.pk for entry in entries])
    assert len(claimed) == 20
    # 1. savepoint; 2. the rows; 3. their state; 4.-6. the attempts; 7.-10. the tallies (one is made);
    # 11.-13. the count of takings; 14. savepoint
    assert len(queries) <= 14
    assert len({one.lease for one in claimed}) == 1
