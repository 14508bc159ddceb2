from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from exchange import StatementEntry
from usage.delivering import restore as delivery_restore
from usage.delivering.leases import claim, expire
from usage.delivering.settling import may_have_been_counted
from usage.delivery import (
    NotUncertain,
    after_restore,
    deliver_due,
    settle_by_person,
    settle_by_statement,
)
from usage.factories import make_entries, make_entry
from usage.models import Delivery, DeliveryAttempt, LedgerEntry
from usage.tests.reporting import (
    Counting,
    attempts_of,
    delivery_of,
    line_of,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db


def uncertain(account: ExchangeAccount, *, ago: timedelta = timedelta(0)) -> LedgerEntry:
    """An entry that was sent once, that long ago, and nobody knows whether it was counted."""
    entry = make_entry(account=account)
    claim(account.exchange, [entry.pk])
    Delivery.objects.filter(pk=entry.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    expire(account.exchange)
    Delivery.objects.filter(pk=entry.pk).update(error="Nobody knows.")
    DeliveryAttempt.objects.filter(delivery_id=entry.pk).update(ended_at=timezone.now() - ago)
    assert state_of(entry) == "uncertain"
    return entry


def line(entry: LedgerEntry, number: int = 4) -> StatementEntry:
    body = {
        "user_id": 1,
        "service_id": entry.service_id,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "direction": entry.direction,
    }
    document = line_of(number, body, entry.hash)
    return StatementEntry.model_validate({**document, "raw": document})


def test_a_person_says_that_it_was_counted(account: ExchangeAccount) -> None:
    entry = uncertain(account)
    delivery = settle_by_person(account, entry.seq, counted=True)
    assert (delivery.state, delivery.settled_by) == ("delivered", "person")
    assert delivery.settled_at is not None
    assert state_of(entry) == "delivered"
    assert tallies_are_right()


def test_a_person_says_that_it_was_not_counted_and_it_is_sent_again_under_its_key(
    account: ExchangeAccount, wire: Wire
) -> None:
    core = Counting(wire, proves=False)
    entry = uncertain(account)
    assert settle_by_person(account, entry.seq, counted=False).state == "pending"
    assert tallies_are_right()
    assert deliver_due(account.exchange).delivered == 1
    assert core.keys == [entry.hash]
    assert attempts_of(entry) == [(1, "pending"), (2, "delivered")]


@pytest.mark.parametrize("state", ["pending", "delivered", "rejected", "withdrawn", "local"])
@pytest.mark.parametrize("counted", [True, False])
def test_only_what_is_uncertain_is_settled_by_a_person(
    state: str, counted: bool, account: ExchangeAccount
) -> None:
    entry = make_entry(account=account, state=None if state == "pending" else state)
    with pytest.raises(NotUncertain, match="nothing to settle"):
        settle_by_person(account, entry.seq, counted=counted)
    assert state_of(entry) == state
    assert tallies_are_right()


def test_what_is_being_sent_cannot_be_settled(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    claim(account.exchange, [entry.pk])
    with pytest.raises(NotUncertain):
        settle_by_person(account, entry.seq, counted=True)
    assert state_of(entry) == "sending"


def test_what_a_dead_worker_left_can_be_settled_without_another_one(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    claim(account.exchange, [entry.pk])
    Delivery.objects.filter(pk=entry.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    assert settle_by_person(account, entry.seq, counted=True).state == "delivered"


@pytest.mark.parametrize("counted", [True, False])
def test_another_accounts_number_is_not_there(counted: bool, account: ExchangeAccount) -> None:
    make_entries(account, 2)
    stranger = make_account()
    entry = uncertain(account)
    with pytest.raises(Delivery.DoesNotExist):
        settle_by_person(stranger, entry.seq, counted=counted)
    assert state_of(entry) == "uncertain"


@pytest.mark.parametrize("state", ["uncertain", "pending", "rejected"])
def test_a_line_of_the_statement_settles(state: str, account: ExchangeAccount) -> None:
    entry = make_entry(account=account, state=None if state == "pending" else state)
    delivery = settle_by_statement(delivery_of(entry), line(entry))
    assert (delivery.state, delivery.settled_by, delivery.exchange_entry_id) == ("delivered", "statement", 4)
    assert delivery.receipt is not None
    assert delivery.receipt["idempotency_key"] == entry.hash
    assert (delivery.error, delivery.rules) == ("", [])
    assert state_of(entry) == "delivered"
    assert tallies_are_right()


@pytest.mark.parametrize("state", ["delivered", "withdrawn", "local"])
def test_a_line_of_the_statement_changes_nothing_that_is_settled(
    state: str, account: ExchangeAccount
) -> None:
    entry = make_entry(account=account, state=state)
    assert settle_by_statement(delivery_of(entry), line(entry)).state == state
    assert delivery_of(entry).settled_by == ""


def test_a_line_does_not_take_an_entry_from_who_sends_it(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    claim(account.exchange, [entry.pk])
    assert settle_by_statement(delivery_of(entry), line(entry)).state == "sending"


def test_another_entrys_line_settles_nothing(account: ExchangeAccount) -> None:
    one, other = make_entries(account, 2)
    with pytest.raises(ValueError, match="another entry"):
        settle_by_statement(delivery_of(one), line(other))


def test_what_was_sent_may_have_been_counted_until_it_is_settled(account: ExchangeAccount) -> None:
    fresh, entry = make_entry(account=account), uncertain(account)
    assert not may_have_been_counted(delivery_of(fresh))
    assert may_have_been_counted(delivery_of(entry))
    settle_by_person(account, entry.seq, counted=False)
    assert not may_have_been_counted(delivery_of(entry))


def test_one_that_is_asked_about_again_may_have_been_counted(account: ExchangeAccount) -> None:
    prove(account)
    entry = make_entry(account=account)
    claim(account.exchange, [entry.pk])
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    expire(account.exchange)
    assert state_of(entry) == "pending"
    assert may_have_been_counted(delivery_of(entry))


def test_absence_long_after_is_proof_and_it_is_sent_again(account: ExchangeAccount) -> None:
    entry = uncertain(account, ago=timedelta(minutes=11))
    prove(account)
    assert settle_by_statement(delivery_of(entry), None).state == "pending"
    assert tallies_are_right()


def test_absence_shortly_after_proves_nothing(account: ExchangeAccount) -> None:
    entry = uncertain(account, ago=timedelta(minutes=9))
    prove(account)
    assert settle_by_statement(delivery_of(entry), None).state == "uncertain"


def test_absence_proves_nothing_where_no_keys_are_kept(account: ExchangeAccount) -> None:
    entry = uncertain(account, ago=timedelta(days=1))
    assert settle_by_statement(delivery_of(entry), None).state == "uncertain"


def test_absence_proves_nothing_shortly_after_a_restore(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    after_restore(account.exchange)
    prove(account)
    assert settle_by_statement(delivery_of(entry), None).state == "uncertain"
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        assert settle_by_statement(delivery_of(entry), None).state == "pending"


@pytest.mark.parametrize("state", ["pending", "delivered", "rejected"])
def test_absence_changes_nothing_else(state: str, account: ExchangeAccount) -> None:
    prove(account)
    entry = make_entry(account=account, state=None if state == "pending" else state)
    assert settle_by_statement(delivery_of(entry), None).state == state


def test_a_restored_backup_makes_uncertain_what_waits(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    monkeypatch.setattr(delivery_restore, "BATCH", 2)
    core = Counting(wire, proves=False)
    waiting = make_entries(account, 4)
    sending = make_entry(account=account)
    claim(account.exchange, [sending.pk])
    done = make_entry(account=account, state="delivered")
    assert after_restore(account.exchange) == 5
    assert {state_of(entry) for entry in [*waiting, sending]} == {"uncertain"}
    assert "restored" in delivery_of(waiting[0]).error
    assert state_of(done) == "delivered"
    assert attempts_of(sending) == [(1, "uncertain")]
    assert not deliver_due(account.exchange).has_news
    assert core.keys == []
    assert tallies_are_right()


def test_a_restored_backup_unsettles_nothing_where_a_repeat_counts_once(account: ExchangeAccount) -> None:
    prove(account)
    entry = make_entry(account=account)
    assert after_restore(account.exchange) == 0
    assert state_of(entry) == "pending"


def test_a_restored_backup_is_one_exchanges(account: ExchangeAccount) -> None:
    other = make_entry(account=make_account(exchange=make_exchange(base_url="http://old.example")))
    assert after_restore(account.exchange) == 0
    assert state_of(other) == "pending"
