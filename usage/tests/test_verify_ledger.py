from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage.factories import make_entries
from usage.management.commands import verify_ledger
from usage.models import Chain, DeliveryTally, LedgerEntry, UsageRollup
from usage.tests.books import found, log_heads, make_book
from usage.tests.their_books import TheirBooks
from usage.triggers import lifted
from usage.verification import latest
from usage.verifying.repairing import rebuild_derived

pytestmark = pytest.mark.django_db


@pytest.fixture
def book(acting: ExchangeAccount, tmp_path: Path, settings: Any) -> ExchangeAccount:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return make_book(acting)


def run(*words: str) -> tuple[str, str, int]:
    """What it prints, what it says, and its exit status."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_ledger", *words, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue() + str(error), error.returncode
    return out.getvalue(), err.getvalue(), 0


def change(seq: int) -> None:
    with lifted(connection):
        LedgerEntry.objects.filter(seq=seq).update(memo="never said")


def test_books_in_order_are_said_to_be(book: ExchangeAccount) -> None:
    out, _err, status = run("--offline")
    assert status == 0
    assert "24 entries, intact." in out
    assert "From entry 1 on nothing outside the database confirms the chain." in out
    assert "Checked: Entries, chain, head, totals, rollups" in out
    assert "Not checked: The Exchange's statement: it was not asked for." in out


def test_with_every_anchor_every_entry_is_confirmed(book: ExchangeAccount, wire: Wire, settings: Any) -> None:
    theirs = TheirBooks(wire, book)
    for entry in LedgerEntry.objects.filter(seq__lte=16).order_by("seq"):
        theirs.count(entry)
    log_heads(Path(settings.HEAD_LOG), book, 24)
    out, _err, status = run()
    assert status == 0
    assert "Every entry is confirmed from outside the database." in out
    assert "Checked: The Exchange's statement." in out
    assert "Not checked" not in out


def test_an_exchange_without_a_statement_is_said_to_be_not_checked(book: ExchangeAccount, wire: Wire) -> None:
    TheirBooks(wire, book).offers_statement = False
    out, _err, status = run()
    assert status == 0
    assert "Not checked: The Exchange's statement, or the rest of it:" in out


def test_a_changed_entry_is_named_and_the_status_says_so(book: ExchangeAccount) -> None:
    change(9)
    out, err, status = run("--offline")
    assert status == 1
    assert "#9  changed     Entry 9 is not what was recorded: its hash is not that of its content." in out
    assert "1 problem in 1 book." in err


def test_a_document_has_the_pinned_fields(book: ExchangeAccount) -> None:
    out, err, status = run("--json", "--offline")
    assert (status, json.loads(out)) == (
        0,
        {"ok": True, "entries": 24, "unanchored_since": 1, "problems": []},
    )
    assert "Checked:" in err
    change(9)
    out, _err, status = run("--json", "--offline")
    document = json.loads(out)
    assert status == 1
    assert document["ok"] is False
    (problem,) = document["problems"]
    assert set(problem) == {"seq", "kind", "message"}
    assert (problem["seq"], problem["kind"]) == (9, "changed")


def test_no_more_problems_are_shown_than_one_reads(
    book: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_ledger, "MOST_SHOWN", 2)
    for seq in (3, 5, 7):
        change(seq)
    out, _err, _status = run("--offline")
    assert out.count("changed") == 2
    assert "and 1 more; --json names them all" in out


def test_all_means_every_account_of_this_exchange(book: ExchangeAccount) -> None:
    other = make_account(user=make_user(email="grace@example.com"))
    make_entries(other, 2)
    with lifted(connection):
        LedgerEntry.objects.filter(account=other, seq=1).update(memo="never said")
    document = json.loads(run("--all", "--json", "--offline")[0])
    assert document["ok"] is False
    assert document["entries"] == 26
    assert {one["email"]: one["ok"] for one in document["accounts"]} == {
        book.user.email: True,
        "grace@example.com": False,
    }
    assert run("--json", "--offline")[2] == 0, "without it, only one's own book counts"


def test_a_chain_that_the_log_knows_and_the_database_does_not_is_found_among_all(
    book: ExchangeAccount, settings: Any
) -> None:
    log_heads(Path(settings.HEAD_LOG), book, 24)
    assert run("--all", "--json", "--offline")[2] == 0
    Chain.objects.filter(account=book).update(chain_id="0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b")
    out, _err, status = run("--all", "--json", "--offline")
    assert status == 1
    (problem,) = json.loads(out)["problems"]
    assert problem["kind"] == "head_log"
    assert "is not in this database" in problem["message"]


def test_derived_figures_are_made_again_and_entries_never(book: ExchangeAccount) -> None:
    UsageRollup.objects.filter(account=book).update(prompt_tokens=1)
    DeliveryTally.objects.filter(account=book, state="pending").update(entries=7)
    DeliveryTally.objects.filter(account=book, state="delivered").delete()
    Chain.objects.filter(account=book).update(consumed_tokens=1, gross_nanos=2)
    before = list(LedgerEntry.objects.order_by("seq").values())
    assert run("--offline")[2] == 1
    _out, err, status = run("--offline", "--rebuild-rollups")
    assert status == 0
    assert "recording waits meanwhile, and no entry is changed" in err
    assert "totals and tallies that were wrong: consumed_tokens, gross_nanos, " in err
    assert list(LedgerEntry.objects.order_by("seq").values()) == before
    assert found(book).ok


def test_what_is_right_is_said_to_have_been_right(book: ExchangeAccount) -> None:
    assert "that were wrong: none." in run("--offline", "--rebuild-rollups")[1]
    empty = rebuild_derived(make_account())
    assert (empty.rollups, empty.totals, empty.tallies) == (0, (), ())


def test_an_entry_that_was_changed_stays_named_when_sums_are_made_again(book: ExchangeAccount) -> None:
    change(9)
    out, _err, status = run("--offline", "--rebuild-rollups")
    assert status == 1
    assert "Entry 9 is not what was recorded" in out


def test_without_an_email_it_says_what_to_set(configure: Any) -> None:
    configure(email="")
    assert "email is not set" in run("--offline")[1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_alone(
    book: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_ledger, "EVERY", 0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run("--offline")[2] == 0
    shown = terminal.getvalue()
    assert "24 of 24 entries, " in shown
    assert " a second, 0 s left" in shown
    assert shown.endswith("\r\x1b[K"), "and is wiped away"
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    run("--offline")
    assert pipe.getvalue() == ""


def test_what_was_found_with_every_anchor_is_what_the_dashboard_shows(
    book: ExchangeAccount, wire: Wire
) -> None:
    wire.is_down()
    run("--offline")
    assert latest(book) is None
    run()
    kept = latest(book)
    assert kept is not None
    assert (kept.ok, kept.entries) == (True, 24)
    change(5)
    run()
    kept = latest(book)
    assert kept is not None
    assert not kept.ok
