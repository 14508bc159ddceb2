from __future__ import annotations

from dataclasses import asdict

import pytest

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage.factories import make_entry
from usage.summary import compared, usage_summary
from usage.tests.factories import make_snapshot, totals

pytestmark = pytest.mark.django_db


def test_ours_come_from_the_ledger_and_theirs_from_the_exchange(wire: Wire, account: ExchangeAccount) -> None:
    make_entry(account=account)
    newest = make_entry(account=account, direction="supply", prompt_tokens=100, completion_tokens=0)
    wire.totals(totals(1500, 200, entry_count=9, ledger_hash="ab"))
    assert asdict(usage_summary(account)) == {
        "consumed_tokens": 1500,
        "supplied_tokens": 100,
        "net_tokens": -1400,
        "entry_count": 2,
        "head_hash": newest.hash,
        "exchange": {
            "consumed_tokens": 1500,
            "supplied_tokens": 200,
            "net_tokens": -1300,
            "ledger_hash": "ab",
            "entry_count": 9,
        },
    }


def test_before_the_first_entry_there_is_no_hash(wire: Wire, account: ExchangeAccount) -> None:
    wire.totals(totals(0))
    summary = usage_summary(account)
    assert (summary.entry_count, summary.head_hash, summary.net_tokens) == (0, None, 0)


def test_old_figures_are_never_given_as_new(wire: Wire, account: ExchangeAccount) -> None:
    make_snapshot(account=account, consumed=42)
    make_entry(account=account)
    wire.is_down()
    found = compared(account)
    assert found.summary.exchange is None
    assert found.summary.consumed_tokens == 1500
    assert "cannot be reached" in found.reason


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 302])
def test_no_answer_of_the_exchange_keeps_ours_away(wire: Wire, account: ExchangeAccount, status: int) -> None:
    wire.answers("GET", "/usage/summary", {"error": "No."}, status=status)
    found = compared(account)
    assert found.summary.exchange is None
    assert found.reason


def test_who_could_not_be_registered_still_has_a_book(wire: Wire) -> None:
    waiting = make_account(registered=False)
    make_entry(account=waiting)
    wire.is_down()
    assert usage_summary(waiting).entry_count == 1


def test_what_is_pending_explains_the_difference(wire: Wire, account: ExchangeAccount) -> None:
    make_entry(account=account)
    wire.totals(totals(0))
    assert [one.state for one in compared(account).differences.reasons] == ["pending"]
