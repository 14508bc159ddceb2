"""The Exchange's own book must hold too: its chain, its totals, and what it said before."""

from __future__ import annotations

import pytest

from accounts.models import ExchangeAccount
from usage.models import OpeningBalance, ReconciliationRun
from usage.reconciliation import reconcile
from usage.reconciling.words import of_chain
from usage.tests.their_books import TheirBooks, delivered

Status = ReconciliationRun.Status


def said(run: ReconciliationRun) -> str:
    chain = run.totals["chain"]
    assert run.statement_chain_ok is chain["ok"] is False
    assert run.status == Status.DIFFERENT
    return of_chain(chain["code"], chain["line"])


def test_a_hash_that_is_not_its_lines_names_the_line(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs, 3)
    theirs.lines[1]["created_at"] = "2025-02-01T00:00:00.000000Z"
    run = reconcile(account)
    assert said(run) == "The hash of their line 2 is not that of what the line says."
    assert run.lines["matched"] == 3


def test_a_line_that_does_not_follow_the_one_before_is_named(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs, 3)
    theirs.rewrite(2, idempotency_key=theirs.lines[2]["idempotency_key"])
    theirs.lines[1] = {**theirs.lines[1], **theirs._chained(theirs.lines[1], "a" * 64)}
    assert said(reconcile(account)).startswith("Their line 2 does not follow")


def test_a_statement_that_ends_before_the_totals_do_is_said_so(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs, 3)
    theirs.changed_totals = {"entry_count": 4}
    assert said(reconcile(account)).startswith("Their statement ends at line 3")


def test_another_tip_than_the_statements_is_said_so(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs, 2)
    theirs.changed_totals = {"ledger_hash": "b" * 64}
    assert said(reconcile(account)).startswith("Their totals name another hash")


@pytest.mark.parametrize("tells_tip", [True, False])
def test_lines_that_do_not_add_up_to_the_totals_are_said_so(
    account: ExchangeAccount, theirs: TheirBooks, tells_tip: bool
) -> None:
    delivered(account, theirs, 2)
    theirs.tells_tip = tells_tip
    theirs.changed_totals = {"consumed_tokens": 3001, "net_tokens": -3001}
    assert said(reconcile(account)).startswith("Up to line 2, their lines do not add up")


def test_a_book_that_was_rewritten_is_found_and_stays_found(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs, 3)
    assert reconcile(account).status == Status.CLEAN
    theirs.rewrite(0, created_at="2025-02-01T00:00:00.000000Z")
    for _ in range(2):
        assert said(reconcile(account)) == "Their line 3 is not what it was at an earlier reconciliation."


def test_a_book_that_lost_its_newest_lines_is_found(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs, 2)
    reconcile(account)
    theirs.lines.pop()
    run = reconcile(account)
    assert said(run).startswith("Their line 2 is not what it was")
    assert run.lines["ours_only"] == 1


def test_lines_that_came_meanwhile_are_no_break(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs, 2)
    theirs.meanwhile = lambda: delivered(account, theirs) and None
    run = reconcile(account)
    assert (run.status, run.statement_chain_ok) == (Status.CLEAN, True)


def test_an_exchange_that_tells_no_tip_is_compared_without(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.tells_tip = False
    delivered(account, theirs, 2)
    assert reconcile(account).status == Status.CLEAN


def test_lines_that_add_up_to_more_than_any_totals_are_said_so(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.tells_tip = False
    theirs.add(prompt_tokens=2**63 - 1)
    theirs.changed_totals = {"consumed_tokens": 2**63 - 1, "net_tokens": 1 - 2**63}
    assert said(reconcile(account)) == "Up to line 1, their lines do not add up to their totals."
    # and nothing of it is kept for what they had before the first entry here
    assert not OpeningBalance.objects.exists()
