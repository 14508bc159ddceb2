"""Where there is nothing to compare with: the run says why, and the last result stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.wire import user_answer
from catalog.tests.wire import Wire
from usage.models import ReconciliationRun
from usage.reconciliation import acknowledge, latest, latest_result, open_difference, reconcile
from usage.tests.their_books import TheirBooks, delivered

Status = ReconciliationRun.Status


def test_an_exchange_that_is_away_makes_a_run_that_says_so(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    before = reconcile(account)
    theirs.down = True
    run = reconcile(account)
    assert (run.status, run.totals) == (Status.UNAVAILABLE, {})
    assert "cannot be reached" in run.reason
    assert (latest(account), latest_result(account)) == (run, before)


def test_who_is_not_registered_yet_is_registered_first(db: None, wire: Wire) -> None:
    account = make_account(registered=False)
    wire.answers("POST", "/users", user_answer(account.user.email))
    theirs = TheirBooks(wire, account)
    # the Exchange gives the number
    theirs.before_totals = account.refresh_from_db
    assert reconcile(account).status == Status.CLEAN
    account.refresh_from_db()
    assert account.exchange_user_id == 7


def test_who_cannot_be_registered_has_nothing_to_compare(db: None, wire: Wire) -> None:
    account = make_account(registered=False)
    wire.is_down()
    run = reconcile(account)
    assert (run.status, run.account_id) == (Status.UNAVAILABLE, account.pk)


def test_another_exchanges_account_is_never_asked_about_here(
    account: ExchangeAccount, theirs: TheirBooks, configure: Any
) -> None:
    configure(base_url="http://another.test")
    run = reconcile(account)
    assert run.status == Status.UNAVAILABLE
    assert run.reason.startswith("This account belongs to another Exchange")
    assert theirs.asked == 0


def test_a_statement_that_takes_too_long_leaves_the_last_result(
    account: ExchangeAccount, theirs: TheirBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(account, theirs)
    monkeypatch.setattr("usage.reconciliation.shared", lambda _deadline: _exhausted())
    run = reconcile(account, deadline=1)
    assert run.status == Status.UNAVAILABLE
    assert run.reason.startswith("The Exchange's statement is too long")


@pytest.mark.parametrize("entries", [[], [{"id": 0}]])
def test_a_statement_that_never_ends_is_not_read_for_ever(
    account: ExchangeAccount, theirs: TheirBooks, wire: Wire, entries: list[dict[str, Any]]
) -> None:
    delivered(account, theirs)
    base = settings.TOKLIGENCE.base_url
    wire.remove("GET", f"{base}/usage/statement")

    def endless(request: Any) -> tuple[int, dict[str, str], str]:
        following = int(request.params["after_id"]) + 1
        page = [{**theirs.lines[0], **line, "id": following} for line in entries]
        return 200, {}, json.dumps({"entries": page, "next_after_id": following})

    wire.add_callback("GET", f"{base}/usage/statement", callback=endless)
    run = reconcile(account, deadline=0.5)
    assert run.status == Status.UNAVAILABLE
    assert run.reason.startswith("The Exchange's statement is too long")


def test_a_difference_in_the_lines_does_not_go_away_with_the_statement(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    theirs.rewrite(0, memo="another")
    different = reconcile(account)
    theirs.offers_statement = False
    run = reconcile(account)
    assert (run.status, run.totals["difference"]["consumed_tokens"]) == (Status.UNAVAILABLE, 0)
    assert open_difference(account) == different
    # once somebody knows of it, the totals are all there is to compare
    acknowledge(different, user=account.user, note="They shortened it.")
    assert reconcile(account).status == Status.CLEAN


def _exhausted() -> Any:
    seconds = iter([5.0, 5.0])  # for the totals, and for each page of the statement
    return lambda: next(seconds, 0)


def test_a_new_difference_in_the_totals_alarms_even_where_the_statement_cannot_be_read(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    reconcile(account)
    theirs.add(memo=5)  # no text: the page cannot be read
    run = reconcile(account)
    assert (run.status, run.has_lines) == (Status.DIFFERENT, False)
    assert run.totals["difference"]["consumed_tokens"] == 100
    # what is known already is no result without the lines
    assert reconcile(account).status == Status.UNAVAILABLE
