"""A statement settles what nobody knew."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import ExchangeAccount
from usage import reconciliation, tallies
from usage.factories import make_entries, make_entry, mark
from usage.models import Delivery, DeliveryAttempt, LedgerEntry, ReconciliationRun
from usage.reconciliation import reconcile
from usage.tests.their_books import TheirBooks, delivered, found

State = Delivery.State
Status = ReconciliationRun.Status


@pytest.fixture
def proved(account: ExchangeAccount) -> None:
    account.exchange.idempotency_proved_at = timezone.now()
    account.exchange.save()


def attempted(entry: LedgerEntry, *, minutes_ago: int) -> LedgerEntry:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    DeliveryAttempt.objects.create(delivery=entry.delivery, number=1, started_at=at, ended_at=at)
    return mark(entry, "uncertain", attempts=1)


def state_of(entry: LedgerEntry) -> str:
    return Delivery.objects.get(entry=entry).state


@pytest.mark.parametrize("state", ["uncertain", "rejected", "pending"])
def test_what_turns_up_in_the_statement_is_delivered(
    account: ExchangeAccount, theirs: TheirBooks, state: str
) -> None:
    entry = make_entry(account=account, state=state)
    theirs.count(entry)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 1})
    delivery = Delivery.objects.get(entry=entry)
    assert (delivery.state, delivery.settled_by, delivery.exchange_entry_id) == ("delivered", "statement", 1)
    assert tallies.in_state(account, "delivered").entries == 1
    assert reconcile(account).status == Status.CLEAN


def test_a_line_that_says_something_else_settles_nothing(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    entry = make_entry(account=account, state="uncertain")
    theirs.count(entry, prompt_tokens=1)
    assert found(reconcile(account)) == {"differing": 1, "pending": 1}
    assert state_of(entry) == State.UNCERTAIN


def test_what_was_sent_long_ago_and_is_not_there_is_sent_again(
    account: ExchangeAccount, theirs: TheirBooks, proved: None
) -> None:
    delivered(account, theirs)
    entry = attempted(make_entry(account=account), minutes_ago=60)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 1, "pending": 1})
    assert state_of(entry) == State.PENDING


def test_what_was_sent_a_moment_ago_may_still_arrive(
    account: ExchangeAccount, theirs: TheirBooks, proved: None
) -> None:
    delivered(account, theirs)
    entry = attempted(make_entry(account=account), minutes_ago=1)
    reconcile(account)
    assert state_of(entry) == State.UNCERTAIN


def test_where_repeats_count_twice_absence_settles_nothing(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    entry = attempted(make_entry(account=account), minutes_ago=60)
    reconcile(account)
    assert state_of(entry) == State.UNCERTAIN


def test_a_statement_that_does_not_hold_proves_no_absence(
    account: ExchangeAccount, theirs: TheirBooks, proved: None
) -> None:
    delivered(account, theirs)
    theirs.lines[0]["hash"] = "0" * 64
    entry = attempted(make_entry(account=account), minutes_ago=60)
    reconcile(account)
    assert state_of(entry) == State.UNCERTAIN


@pytest.mark.django_db(transaction=True)
def test_what_is_recorded_meanwhile_is_in_nobodys_way(
    account: ExchangeAccount, theirs: TheirBooks, proved: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # more than are read at a time: SQLite lets nobody write who is still reading what is no longer so
    delivered(account, theirs)
    for entry in make_entries(account, reconciliation.BATCH + 1):
        attempted(entry, minutes_ago=60)
    settle, other = reconciliation.settle_by_statement, Thread(target=_record, args=[account])

    def settle_while_others_record(delivery: Delivery, line: None) -> Delivery:
        if other.ident is None:
            other.start()
            other.join()
        return settle(delivery, line)

    monkeypatch.setattr(reconciliation, "settle_by_statement", settle_while_others_record)
    assert reconcile(account).status == Status.CLEAN
    assert tallies.in_state(account, State.UNCERTAIN).entries == 0
    assert tallies.in_state(account, State.PENDING).entries == reconciliation.BATCH + 2


def _record(account: ExchangeAccount) -> None:
    try:
        make_entry(account=account)
    finally:
        connection.close()
