from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ExchangeAccount
from usage import ledger
from usage.factories import make_entry
from usage.reconciliation import acknowledge, latest
from usage.tests.their_books import TheirBooks, delivered


@pytest.fixture(autouse=True)
def _acting(acting: ExchangeAccount) -> None:
    """It acts for ``account``."""


def run(capsys: pytest.CaptureFixture[str]) -> str:
    call_command("reconcile")
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call_command("reconcile", json=True)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_books_that_agree_are_said_to(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered(account, theirs, 2)
    printed = run(capsys)
    assert "3,000" in printed
    assert "The books agree." in printed


def test_tokens_whose_price_nobody_knows_are_said_to_be_in_no_sum(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered(account, theirs)
    assert "Of theirs, 1,500 tokens have no known price and are in no sum of money." in run(capsys)


def test_the_document_has_status_totals_and_lines(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.add()
    entry, _other = delivered(account, theirs, 2)
    ledger.reverse(account, entry.seq, reason="Twice", source="page")
    told = document(capsys)
    assert told["status"] == "clean"
    assert told["lines"] == {
        "matched": 1,
        "ours_only": 0,
        "theirs_only": 0,
        "differing": 0,
        "pending": 0,
        "reversed": 1,
    }
    assert told["totals"]["opening"]["consumed_tokens"] == 100
    assert told["totals"]["theirs"]["consumed_tokens"] == 3100
    assert told["totals"]["book"]["consumed_tokens"] == 1500
    assert told["details"]["reversed"] == [{"seq": 1, "reversed_by": 3, "tokens": 1500, "reason": "Twice"}]
    assert told["acknowledged"] is None


def test_books_that_differ_fail_with_one_sentence_after_the_document(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = make_entry(account=account, state="delivered")
    theirs.count(entry, prompt_tokens=1900)
    with pytest.raises(CommandError) as failed:
        call_command("reconcile", json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["lines"]["differing"]) == ("different", 1)
    (line,) = told["details"]["differing"]
    assert (line["seq"], line["hash"], line["differing"]) == (entry.seq, entry.hash, ["prompt_tokens"])
    assert (line["ours"]["prompt_tokens"], line["theirs"]["prompt_tokens"]) == (1200, 1900)
    assert str(failed.value) == (
        "The books differ: 1 line differing; the Exchange counted 700 more tokens consumed."
    )


def test_each_line_that_does_not_match_is_printed(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.count(make_entry(account=account, state="delivered"), memo="\x1b[31mred")
    theirs.add()
    make_entry(account=account, state="delivered")
    with pytest.raises(CommandError):
        call_command("reconcile")
    printed = capsys.readouterr().out
    assert "Differing: entry #1 and their line 1, 1,500 tokens." in printed
    assert "Theirs only: their line 2, 100 tokens." in printed
    assert "Ours only: entry #2, 1,500 tokens." in printed
    assert "\x1b" not in printed


def test_a_book_of_theirs_that_does_not_hold_is_in_the_sentence(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    theirs.lines[0]["hash"] = "0" * 64
    with pytest.raises(CommandError, match="The hash of their line 1 is not that of what the line says"):
        call_command("reconcile")


def test_a_known_difference_still_fails_and_says_that_it_is_known(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    make_entry(account=account, state="delivered")
    with pytest.raises(CommandError):
        call_command("reconcile")
    run = latest(account)
    assert run is not None
    acknowledge(run, user=account.user, note="Known")
    with pytest.raises(CommandError, match="The difference is acknowledged"):
        call_command("reconcile")


def test_an_exchange_that_is_away_fails_with_one_sentence(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.down = True
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("reconcile", json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["totals"]) == ("unavailable", None)
    assert set(told["lines"].values()) == {None}


def test_without_a_statement_it_says_that_lines_were_not_compared(
    account: ExchangeAccount, theirs: TheirBooks, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.offers_statement = False
    assert "offers no statement" in run(capsys)
