from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import Wire
from usage.factories import make_entry
from usage.tests.factories import totals

pytestmark = pytest.mark.django_db


def streams(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("usage_summary", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_prints_both_books_and_their_difference_aligned(wire: Wire, acting: ExchangeAccount) -> None:
    make_entry(account=acting, state="delivered", prompt_tokens=1_234_567, completion_tokens=0)
    make_entry(account=acting, state="delivered", direction="supply", prompt_tokens=1500, completion_tokens=0)
    make_entry(account=acting, prompt_tokens=433, completion_tokens=0)
    wire.totals(totals(1_234_567, 1500))
    assert text_of("usage_summary") == (
        "                Ours    Exchange  Difference\n"
        "Consumed   1,235,000   1,234,567         433\n"
        "Supplied       1,500       1,500           0\n"
        "Net       −1,233,500  −1,233,067        −433\n"
        "1 entry waits for delivery: 433 tokens.\n"
    )


def test_books_that_agree_are_said_to(wire: Wire, acting: ExchangeAccount) -> None:
    make_entry(account=acting, state="delivered")
    wire.totals(totals(1500))
    assert text_of("usage_summary").endswith("\nBoth books agree.\n")


def test_every_part_of_a_difference_is_named(wire: Wire, acting: ExchangeAccount) -> None:
    make_entry(account=acting, state="uncertain")
    make_entry(account=acting, state="rejected")
    wire.totals(totals(1577))
    assert text_of("usage_summary").splitlines()[4:] == [
        "1 entry was sent, and nobody knows whether it was counted: 1,500 tokens.",
        "1 entry was rejected by the Exchange: 1,500 tokens.",
        "77 tokens differ for another reason: run `python manage.py reconcile`.",
    ]


def test_its_document_has_our_figures_and_the_exchanges(wire: Wire, acting: ExchangeAccount) -> None:
    entry = make_entry(account=acting)
    wire.totals(totals(1500, 200, entry_count=9, ledger_hash="ab"))
    assert document_of("usage_summary") == {
        "consumed_tokens": 1500,
        "supplied_tokens": 0,
        "net_tokens": -1500,
        "entry_count": 1,
        "head_hash": entry.hash,
        "exchange": {
            "consumed_tokens": 1500,
            "supplied_tokens": 200,
            "net_tokens": -1300,
            "entry_count": 9,
            "ledger_hash": "ab",
        },
    }


def test_a_core_exchange_tells_neither_count_nor_hash(wire: Wire, acting: ExchangeAccount) -> None:
    wire.totals(totals())
    theirs = document_of("usage_summary")["exchange"]
    assert (theirs["entry_count"], theirs["ledger_hash"]) == (None, None)


@pytest.mark.parametrize("registered", [True, False])
def test_without_the_exchange_ours_are_there_and_it_says_what_is_missing(
    wire: Wire, acting: ExchangeAccount, registered: bool
) -> None:
    make_entry(account=acting)
    if not registered:
        ExchangeAccount.objects.update(exchange_user_id=None, registered_at=None)
    wire.is_down()
    out, err = streams()
    assert out.splitlines() == [
        "            Ours",
        "Consumed   1,500",
        "Supplied       0",
        "Net       −1,500",
    ]
    assert err.startswith("The Exchange's figures are missing. The Exchange cannot be reached")
    assert err.count("\n") == 1
    out, err = streams("--json")
    assert '"exchange":null' in out
    assert "missing" in err


def test_it_shows_nobody_elses(wire: Wire, acting: ExchangeAccount) -> None:
    make_entry(account=make_account())
    wire.totals(totals(0))
    assert document_of("usage_summary")["entry_count"] == 0
