"""What the Exchange had counted before our first entry is an opening balance, and stays what it was."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import ExchangeAccount
from usage import snapshots
from usage.factories import make_entry
from usage.models import DeliveryAttempt, DeliveryQueue, OpeningBalance, ReconciliationRun
from usage.reconciliation import reconcile
from usage.tests.their_books import TheirBooks, delivered, found

Status = ReconciliationRun.Status
LATER = "2099-01-01T00:00:00.000000Z"


def test_lines_from_before_our_first_entry_are_the_opening_balance(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add(prompt_tokens=900, completion_tokens=0)
    theirs.add(direction="supply")
    delivered(account, theirs)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 1})
    opening = run.totals["opening"]
    assert (opening["consumed_tokens"], opening["supplied_tokens"]) == (900, 100)
    assert OpeningBalance.objects.get(account=account).last_id == 2


def test_a_line_from_after_our_first_entry_is_none_of_it(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add()
    make_entry(account=account)
    theirs.add(created_at=LATER)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.DIFFERENT, {"theirs_only": 1, "pending": 1})
    assert run.totals["opening"]["consumed_tokens"] == 100


def test_a_line_after_one_of_ours_is_none_of_it_whatever_its_date(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    theirs.add()
    assert found(reconcile(account)) == {"matched": 1, "theirs_only": 1}


def test_what_comes_after_it_was_taken_is_never_added_to_it(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add()
    assert reconcile(account).status == Status.CLEAN
    theirs.add()
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.DIFFERENT, {"theirs_only": 1})
    assert run.totals["difference"]["consumed_tokens"] == 100


def test_an_opening_balance_that_is_not_what_it_was_alarms(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add()
    theirs.add()
    delivered(account, theirs)
    assert reconcile(account).status == Status.CLEAN
    theirs.rewrite(0, prompt_tokens=71)
    run = reconcile(account)
    assert run.status == Status.DIFFERENT
    assert not run.totals["opening_holds"]
    assert run.totals["difference"]["consumed_tokens"] == 1


def test_totals_before_anything_of_ours_are_the_opening_balance(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    theirs.add(prompt_tokens=500, completion_tokens=0)
    make_entry(account=account)
    assert reconcile(account).totals["opening"]["consumed_tokens"] == 500
    delivered(account, theirs)
    run = reconcile(account)
    assert (run.status, run.totals["opening"]["consumed_tokens"]) == (Status.CLEAN, 500)


@pytest.mark.parametrize(
    ("outcome", "may_be"),
    [("pending", False), ("rejected", False), ("uncertain", True), ("", True), ("delivered", True)],
)
def test_totals_that_may_hold_something_that_was_sent_are_none(
    account: ExchangeAccount, theirs: TheirBooks, outcome: str, may_be: bool
) -> None:
    theirs.offers_statement = False
    theirs.add()
    delivery = make_entry(account=account).delivery
    DeliveryAttempt.objects.create(delivery=delivery, number=1, started_at=timezone.now(), outcome=outcome)
    run = reconcile(account)
    assert (run.status == Status.DIFFERENT) is may_be
    assert OpeningBalance.objects.exists() is not may_be


def test_in_a_restored_backup_totals_are_no_opening_balance(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    theirs.add()
    DeliveryQueue.objects.create(exchange=account.exchange, restored_at=timezone.now())
    assert reconcile(account).status == Status.DIFFERENT


def test_totals_that_are_ours_to_the_token_leave_no_opening_balance(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    delivered(account, theirs)
    assert reconcile(account).status == Status.CLEAN
    theirs.add()
    assert reconcile(account).totals["difference"]["consumed_tokens"] == 100


def test_totals_with_something_of_ours_in_them_are_no_opening_balance(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    theirs.add()
    delivered(account, theirs)
    run = reconcile(account)
    assert (run.status, run.totals["difference"]["consumed_tokens"]) == (Status.DIFFERENT, 100)
    assert run.totals["opening"]["taken_at"] is None
    assert not OpeningBalance.objects.exists()


def test_a_statement_that_is_offered_later_says_which_lines_it_was(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    theirs.add()
    reconcile(account)
    delivered(account, theirs)
    theirs.offers_statement = True
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 1})
    assert OpeningBalance.objects.get(account=account).last_id == 1


@pytest.mark.parametrize("tokens", [0, 500])
def test_totals_that_were_looked_at_before_the_first_entry_grow_until_then(
    account: ExchangeAccount, theirs: TheirBooks, tokens: int
) -> None:
    if tokens:
        theirs.add(prompt_tokens=tokens, completion_tokens=0)
    snapshots.refresh(account)  # as the dashboard does
    theirs.add()  # by another program
    delivered(account, theirs)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 1})
    assert run.totals["opening"]["consumed_tokens"] == tokens + 100
    theirs.add()
    assert found(reconcile(account)) == {"matched": 1, "theirs_only": 1}


def test_totals_that_were_looked_at_before_the_first_entry_do_not_shrink(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add()
    snapshots.refresh(account)
    theirs.rewrite(0, prompt_tokens=69)
    delivered(account, theirs)
    for _ in range(2):
        run = reconcile(account)
        assert (run.status, run.totals["opening_holds"]) == (Status.DIFFERENT, False)


def test_a_statement_that_does_not_hold_gives_no_lasting_one(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add()
    delivered(account, theirs)
    theirs.changed_totals = {"entry_count": 3}
    run = reconcile(account)
    assert (run.statement_chain_ok, run.totals["opening"]["consumed_tokens"]) == (False, 100)
    assert not OpeningBalance.objects.exists()
    theirs.changed_totals = {}
    assert reconcile(account).status == Status.CLEAN
    assert OpeningBalance.objects.get(account=account).last_id == 1
