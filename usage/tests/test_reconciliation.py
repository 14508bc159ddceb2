from __future__ import annotations

from typing import Any

import pytest

from accounts.models import ExchangeAccount
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from usage import ledger
from usage.factories import make_entries, make_entry, mark
from usage.models import Delivery, ReconciliationRun
from usage.reconciliation import lines_of, reconcile
from usage.tests.their_books import TheirBooks, delivered, found

State = Delivery.State
Status = ReconciliationRun.Status


def test_books_that_agree_are_clean(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs, 3)
    run = reconcile(account)
    assert (run.status, run.reason, run.has_lines) == (Status.CLEAN, "", True)
    zeros = {"ours_only": 0, "theirs_only": 0, "differing": 0, "pending": 0, "reversed": 0}
    assert run.lines == {"matched": 3, **zeros}
    assert run.totals["ours"]["consumed_tokens"] == run.totals["theirs"]["consumed_tokens"] == 4500
    assert run.totals["difference"] == {"consumed_tokens": 0, "supplied_tokens": 0, "net_tokens": 0}
    assert run.statement_chain_ok
    assert (run.statement_last_id, run.statement_hash) == (3, theirs.lines[-1]["hash"])
    assert run.head_seq == 3


def test_nothing_anywhere_is_clean(account: ExchangeAccount, theirs: TheirBooks) -> None:
    run = reconcile(account)
    assert (run.status, run.lines["matched"]) == (Status.CLEAN, 0)


def test_consumed_and_supplied_are_told_apart(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs, prompt_tokens=10, completion_tokens=0)
    delivered(account, theirs, prompt_tokens=0, completion_tokens=7, direction="supply")
    run = reconcile(account)
    assert run.status == Status.CLEAN
    assert (run.totals["theirs"]["consumed_tokens"], run.totals["theirs"]["supplied_tokens"]) == (10, 7)
    assert run.totals["ours"]["net_tokens"] == -3


def test_what_they_do_not_have_is_ours_only(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs)
    lost = make_entry(account=account, state="delivered", prompt_tokens=5, completion_tokens=1)
    run = reconcile(account)
    assert run.status == Status.DIFFERENT
    assert found(run) == {"matched": 1, "ours_only": 1}
    assert run.totals["difference"]["consumed_tokens"] == -6
    (line,) = lines_of(run, "ours_only")
    assert (line.entry, line.theirs) == (lost, None)
    assert line.message == "Delivered, but the Exchange's statement has no such line."


def test_what_a_person_settled_as_counted_and_was_not_is_said_so(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    entry = make_entry(account=account)
    mark(entry, "delivered", settled_by=Delivery.SettledBy.PERSON)
    (line,) = lines_of(reconcile(account), "ours_only")
    assert line.message.startswith("A person settled it as counted")


def test_a_line_that_no_entry_is_behind_is_theirs_only(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs)
    theirs.add(prompt_tokens=612, completion_tokens=0)
    theirs.add(prompt_tokens=0, completion_tokens=8, idempotency_key="f" * 64)
    run = reconcile(account)
    assert run.status == Status.DIFFERENT
    assert found(run) == {"matched": 1, "theirs_only": 2}
    assert run.totals["difference"]["consumed_tokens"] == 620
    first, second = lines_of(run, "theirs_only")
    assert first.theirs is not None
    assert (first.entry, first.exchange_entry_id, first.theirs["prompt_tokens"]) == (None, 2, 612)
    assert first.message == "The line carries no key, so no entry of ours is behind it."
    assert second.message == "No entry of ours has the line's key."


def test_anothers_entry_is_none_of_ours(account: ExchangeAccount, theirs: TheirBooks) -> None:
    delivered(account, theirs)
    theirs.count(make_entry(state="delivered"))
    assert found(reconcile(account)) == {"matched": 1, "theirs_only": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_tokens": 1201},
        {"prompt_tokens": 1199, "completion_tokens": 301},
        {"direction": "supply"},
        {"service_id": 2},
        {"memo": "another"},
        {"user_id": 999_999},
    ],
)
def test_a_line_that_says_something_else_is_differing(
    account: ExchangeAccount, theirs: TheirBooks, change: dict[str, Any]
) -> None:
    entry = make_entry(account=account, state="delivered")
    theirs.count(entry, **change)
    run = reconcile(account)
    assert run.status == Status.DIFFERENT
    assert found(run) == {"differing": 1}
    (line,) = lines_of(run, "differing")
    assert line.theirs is not None
    assert line.entry == entry
    assert {name: line.theirs[name] for name in change} == change


def test_no_memo_and_an_empty_one_are_the_same(account: ExchangeAccount, theirs: TheirBooks) -> None:
    theirs.count(make_entry(account=account, state="delivered"), memo=None)
    assert reconcile(account).status == Status.CLEAN


def test_an_entry_that_was_counted_twice_is_theirs_only_once(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    (entry,) = delivered(account, theirs)
    theirs.count(entry)
    run = reconcile(account)
    assert found(run) == {"matched": 1, "theirs_only": 1}
    assert run.totals["difference"]["consumed_tokens"] == 1500
    (line,) = lines_of(run, "theirs_only")
    assert (line.entry, line.exchange_entry_id) == (entry, 2)


def test_what_is_not_delivered_is_pending_and_alarms_nobody(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    make_entry(account=account)
    make_entry(account=account, state="rejected", prompt_tokens=7, completion_tokens=0)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"pending": 2})
    assert run.totals["pending"]["pending"]["consumed_tokens"] == 1500
    assert run.totals["pending"]["rejected"]["consumed_tokens"] == 7
    assert run.totals["book"]["consumed_tokens"] == 1507


def test_a_reversed_pair_is_listed_as_such_and_alarms_nobody(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    one, _other = delivered(account, theirs, 2)
    ledger.reverse(account, one.seq, reason="Booked twice", source="page")
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 1, "reversed": 1})
    assert run.totals["book"]["consumed_tokens"] == 1500
    assert run.totals["ours"]["consumed_tokens"] == run.totals["theirs"]["consumed_tokens"] == 3000


def test_what_was_withdrawn_and_counted_all_the_same_is_differing(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    entry = make_entry(account=account)
    ledger.reverse(account, entry.seq, reason="A mistake", source="page")
    theirs.count(entry)
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.DIFFERENT, {"differing": 1})
    (line,) = lines_of(run, "differing")
    assert line.message.startswith("Reversed here before")


def test_a_reversal_that_they_have_is_differing(account: ExchangeAccount, theirs: TheirBooks) -> None:
    (entry,) = delivered(account, theirs)
    theirs.count(ledger.reverse(account, entry.seq, reason="A mistake", source="page"))
    assert found(reconcile(account)) == {"reversed": 1, "differing": 1}


def test_their_money_is_told_at_the_prices_of_our_entries(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    service = make_service(provider=make_provider(), price="0.002")
    entry = make_entry(account=account, state="delivered", service_id=service.remote_id)
    theirs.count(entry, prompt_tokens=entry.prompt_tokens + 1000)
    theirs.add(prompt_tokens=40, completion_tokens=2)
    money = reconcile(account).totals["money"]
    assert entry.cost_nanos
    assert money["ours"] == {"cost_nanos": entry.cost_nanos, "revenue_nanos": 0}
    # 1,500 tokens cost what they cost; 2,500 cost as much for each
    assert money["theirs"] == {"cost_nanos": entry.cost_nanos * 2500 // 1500, "revenue_nanos": 0}
    assert money["unpriced_tokens"] == 42


def test_many_pages_are_one_statement(account: ExchangeAccount, theirs: TheirBooks) -> None:
    theirs.page = 7
    for entry in make_entries(account, 30):
        theirs.count(mark(entry, "delivered"))
    run = reconcile(account)
    assert (run.status, found(run)) == (Status.CLEAN, {"matched": 30})


def test_without_a_statement_the_totals_are_compared(account: ExchangeAccount, theirs: TheirBooks) -> None:
    theirs.offers_statement = False
    delivered(account, theirs, 2)
    run = reconcile(account)
    assert (run.status, run.has_lines, run.statement_chain_ok) == (Status.CLEAN, False, None)
    assert run.reason == "This Exchange offers no statement, so totals alone were compared."
    assert run.lines["matched"] is None
    make_entry(account=account, state="delivered", prompt_tokens=9, completion_tokens=0)
    run = reconcile(account)
    assert (run.status, run.totals["difference"]["consumed_tokens"]) == (Status.DIFFERENT, -9)


def test_a_statement_without_keys_is_compared_by_its_totals(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.count(make_entry(account=account, state="delivered"), idempotency_key=None)
    run = reconcile(account)
    assert (run.status, run.has_lines) == (Status.CLEAN, False)
    assert run.reason.startswith("This Exchange's statement carries no keys")


def test_the_exchange_is_never_asked_inside_a_transaction(
    account: ExchangeAccount, wire: Wire, theirs: TheirBooks, transactional_db: None
) -> None:
    delivered(account, theirs)
    reconcile(account)
    assert wire.transactions == [False] * 2
