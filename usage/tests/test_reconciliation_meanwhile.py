"""Recording and delivery go on while books are compared: nothing of that alarms, and nothing hides in it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import ExchangeAccount
from usage.factories import make_entry, mark
from usage.models import Delivery, DeliveryQueue, ReconciliationRun
from usage.reconciliation import reconcile
from usage.tests.their_books import TheirBooks, delivered, found

State = Delivery.State
Status = ReconciliationRun.Status


def once(work: object) -> object:
    """Does it at the first call only."""
    waiting = [work]
    return lambda: waiting and waiting.pop()()


def test_entries_delivered_while_the_totals_are_asked_for_do_not_alarm(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    delivered(account, theirs)
    theirs.before_totals = once(lambda: delivered(account, theirs, 2))
    run = reconcile(account)
    assert run.status == Status.CLEAN
    assert run.totals["ours"]["consumed_tokens"] == 1500
    assert run.totals["ours_at_most"]["consumed_tokens"] == run.totals["theirs"]["consumed_tokens"] == 4500


def test_a_difference_beyond_what_arrived_meanwhile_does_alarm(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    delivered(account, theirs)
    theirs.add(prompt_tokens=10_000, completion_tokens=0)
    theirs.before_totals = once(lambda: delivered(account, theirs))
    run = reconcile(account)
    assert (run.status, run.totals["difference"]["consumed_tokens"]) == (Status.DIFFERENT, 10_000)


def test_entries_delivered_after_the_last_page_do_not_alarm(
    account: ExchangeAccount, theirs: TheirBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(account, theirs, 2)
    from usage import reconciliation

    look = reconciliation.delivered_of

    def later(of: ExchangeAccount) -> object:
        delivered(account, theirs)  # the statement has been read, our side not yet
        return look(of)

    monkeypatch.setattr(reconciliation, "delivered_of", later)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 3})


def test_entries_delivered_between_two_pages_are_matched_once(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.page = 1
    delivered(account, theirs, 2)
    theirs.meanwhile = once(lambda: delivered(account, theirs))
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 3})


def test_what_is_being_sent_may_be_there_or_not(account: ExchangeAccount, theirs: TheirBooks) -> None:
    theirs.offers_statement = False
    entry = make_entry(account=account)
    lease = {"lease": entry.entry_id, "leased_until": timezone.now()}
    mark(entry, "sending", **lease)
    delivered(account, theirs)
    assert reconcile(account).status == Status.CLEAN
    theirs.count(entry)
    assert reconcile(account).status == Status.CLEAN


def test_what_is_uncertain_may_be_there_or_not(account: ExchangeAccount, theirs: TheirBooks) -> None:
    theirs.offers_statement = False
    delivered(account, theirs)
    reconcile(account)
    entry = make_entry(account=account, state="uncertain")
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"pending": 1})
    theirs.count(entry)
    assert reconcile(account).status == Status.CLEAN
    theirs.count(entry)
    assert reconcile(account).totals["difference"]["consumed_tokens"] == 1500


def test_what_waits_to_be_repeated_may_have_been_counted_where_repeats_count_once(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    delivered(account, theirs)
    reconcile(account)
    theirs.count(mark(make_entry(account=account), "pending", attempts=1))
    assert reconcile(account).status == Status.DIFFERENT
    account.exchange.idempotency_proved_at = timezone.now()
    account.exchange.save()
    assert reconcile(account).status == Status.CLEAN


def test_what_waits_in_a_restored_backup_may_have_been_counted_where_repeats_count_once(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    account.exchange.idempotency_proved_at = timezone.now()
    account.exchange.save()
    delivered(account, theirs)
    reconcile(account)
    theirs.count(make_entry(account=account))
    DeliveryQueue.objects.filter(exchange=account.exchange).update(restored_at=timezone.now())
    assert reconcile(account).status == Status.CLEAN
    theirs.count(make_entry(account=account))
    assert reconcile(account).totals["difference"]["consumed_tokens"] == 1500


def test_what_was_never_sent_cannot_be_there(account: ExchangeAccount, theirs: TheirBooks) -> None:
    theirs.offers_statement = False
    account.exchange.idempotency_proved_at = timezone.now()
    account.exchange.save()
    delivered(account, theirs)
    reconcile(account)
    theirs.count(make_entry(account=account))
    run = reconcile(account)
    assert (run.status, run.totals["difference"]["consumed_tokens"]) == (Status.DIFFERENT, 1500)
