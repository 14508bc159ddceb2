from __future__ import annotations

import pytest

from accounts.models import ExchangeAccount
from usage.factories import make_entry, mark
from usage.models import ReconciliationLine, ReconciliationRun
from usage.reconciliation import (
    NothingToAcknowledge,
    acknowledge,
    latest,
    lines_of,
    open_difference,
    reconcile,
)
from usage.tests.their_books import TheirBooks, delivered

Status = ReconciliationRun.Status


@pytest.fixture
def differing(account: ExchangeAccount, theirs: TheirBooks) -> ReconciliationRun:
    delivered(account, theirs)
    theirs.add(idempotency_key="f" * 64)
    return reconcile(account)


def test_a_difference_is_open_until_it_is_acknowledged(
    account: ExchangeAccount, differing: ReconciliationRun
) -> None:
    assert open_difference(account) == differing
    run = acknowledge(differing, user=account.user, note=" Asked them. ")
    assert (run.note, run.acknowledged_by) == ("Asked them.", account.user)
    assert run.acknowledged_at is not None
    assert open_difference(account) is None


def test_the_same_difference_stays_acknowledged(
    account: ExchangeAccount, theirs: TheirBooks, differing: ReconciliationRun
) -> None:
    acknowledge(differing, user=account.user, note="Asked them.")
    delivered(account, theirs)
    run = reconcile(account)
    assert (run.status, run.note, run.acknowledged_by) == (Status.DIFFERENT, "Asked them.", account.user)
    assert open_difference(account) is None


def test_another_difference_is_open_again(
    account: ExchangeAccount, theirs: TheirBooks, differing: ReconciliationRun
) -> None:
    acknowledge(differing, user=account.user, note="Asked them.")
    theirs.add(idempotency_key="e" * 64)
    run = reconcile(account)
    assert (run.acknowledged_at, run.note) == (None, "")
    assert open_difference(account) == run


def test_the_same_difference_after_a_clean_run_is_open_again(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    entry = make_entry(account=account, state="delivered")
    acknowledge(reconcile(account), user=account.user, note="Lost there.")
    theirs.count(entry)
    assert reconcile(account).status == Status.CLEAN
    theirs.lines.clear()
    assert reconcile(account) == open_difference(account)


def test_an_exchange_that_is_away_closes_no_difference(
    account: ExchangeAccount, theirs: TheirBooks, differing: ReconciliationRun
) -> None:
    theirs.down = True
    assert reconcile(account).status == Status.UNAVAILABLE
    assert open_difference(account) == differing


def test_what_is_under_way_does_not_make_another_difference_of_it(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.offers_statement = False
    delivered(account, theirs)
    reconcile(account)
    theirs.add(prompt_tokens=5000, completion_tokens=0)
    acknowledge(reconcile(account), user=account.user, note="Theirs.")
    entry = make_entry(account=account, state="uncertain")
    assert reconcile(account).totals["difference"]["consumed_tokens"] == 3500
    assert open_difference(account) is None
    # and it is not forgotten, however often it was blurred, that it was 5,000
    mark(entry, "rejected")
    theirs.rewrite(1, prompt_tokens=4000)
    assert reconcile(account) == open_difference(account)


def test_acknowledging_an_older_run_acknowledges_what_repeats_it(
    account: ExchangeAccount, theirs: TheirBooks, differing: ReconciliationRun
) -> None:
    reconcile(account)
    acknowledge(differing, user=account.user, note="Asked them.")
    run = latest(account)
    assert run is not None
    assert run.note == "Asked them."
    assert open_difference(account) is None


def test_acknowledging_an_older_run_leaves_another_difference_open(
    account: ExchangeAccount, theirs: TheirBooks, differing: ReconciliationRun
) -> None:
    theirs.add(idempotency_key="e" * 64)
    run = reconcile(account)
    acknowledge(differing, user=account.user, note="Asked them.")
    assert open_difference(account) == run


def test_the_first_note_stays(account: ExchangeAccount, differing: ReconciliationRun) -> None:
    acknowledge(differing, user=account.user, note="First")
    assert acknowledge(differing, user=account.user, note="Second").note == "First"


def test_there_is_nothing_to_acknowledge_in_a_clean_run(account: ExchangeAccount, theirs: TheirBooks) -> None:
    with pytest.raises(NothingToAcknowledge):
        acknowledge(reconcile(account), user=account.user, note="Fine")


@pytest.mark.parametrize("note", ["", "  \n", "x" * 1001])
def test_a_note_is_required_and_bounded(
    account: ExchangeAccount, differing: ReconciliationRun, note: str
) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        acknowledge(differing, user=account.user, note=note)
    assert open_difference(account) == differing


def test_repeated_runs_share_the_lines_of_the_first_and_the_newest(
    account: ExchangeAccount, differing: ReconciliationRun
) -> None:
    runs = [differing, *(reconcile(account) for _ in range(3))]
    kept = [ReconciliationLine.objects.filter(run=run).count() for run in runs]
    assert kept == [1, 0, 0, 1]
    assert [lines_of(run, "theirs_only").count() for run in runs] == [1, 1, 1, 1]
