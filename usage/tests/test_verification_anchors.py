from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from exchange import ExchangeUnreachable, StatementEntry
from usage import triggers
from usage.factories import make_entries, make_entry
from usage.models import Chain, LedgerEntry, OpeningBalance
from usage.tests.books import (
    entries_of,
    found,
    kinds,
    log_heads,
    make_book,
    recompute,
    statement,
    statement_line,
    truncate,
)
from usage.verifying import anchors as verifying_anchors
from usage.verifying.head_lines import HeadLine

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(tmp_path: Path, settings: Any) -> Path:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


@pytest.fixture
def open_tables() -> Iterator[None]:
    """Without the triggers, and without a word about it."""
    with triggers.lifted(connection), pytest.MonkeyPatch.context() as patch:
        patch.setattr(triggers, "missing", lambda _connection: [])
        yield


def test_an_anchor_confirms_every_entry_up_to_it(log: Path) -> None:
    account = make_book()
    log_heads(log, account, 7)
    assert found(account).unanchored_since == 8
    assert found(account, statement(account)).unanchored_since == 17
    log_heads(log, account, 24)
    assert found(account).unanchored_since is None


def test_an_anchor_behind_a_break_confirms_nothing(log: Path, open_tables: None) -> None:
    account = make_book()
    log_heads(log, account, 7, 24)
    LedgerEntry.objects.filter(account=account, seq=12).update(memo="never said")
    assert found(account).unanchored_since == 8


def test_a_chain_that_was_made_anew_is_confirmed_only_up_to_the_change(log: Path, open_tables: None) -> None:
    account = make_book()
    log_heads(log, account, 7, 14, 20, 24)
    LedgerEntry.objects.filter(account=account, seq=12).update(memo="never said")
    recompute(account, 12)
    result = found(account)
    (problem,) = result.problems
    assert (problem.seq, problem.kind, result.unanchored_since) == (14, "head_log", 8)
    assert "2 later lines contradict it, too." in problem.message


def test_entries_that_were_recorded_over_a_tail_that_was_cut_off_do_not_hide_it(
    log: Path, open_tables: None
) -> None:
    account = make_book()
    log_heads(log, account, 7, 24)
    truncate(account, 20)
    make_entries(account, 6)
    assert kinds(found(account)) == {(24, "head_log")}


def test_a_roll_back_that_was_accepted_is_no_problem(log: Path, open_tables: None) -> None:
    account = make_book()
    log_heads(log, account, 7, 24)
    truncate(account, 20)
    head, chain = entries_of(account)[-1], Chain.objects.get(account=account)
    line = HeadLine(
        head.recorded_at, account.exchange.base_url, chain.chain_id, head.seq, head.hash, rolled_back=True
    )
    with log.open("ab") as file:
        file.write(line.written())
    result = found(account)
    assert (result.ok, result.unanchored_since) == (True, None)


def test_lines_of_the_log_that_are_none_are_said_to_be_not_checked(log: Path) -> None:
    account = make_book()
    log.write_bytes(b"garbage\n\n{}\n")
    log_heads(log, account, 24)
    result = found(account)
    assert (result.ok, result.unanchored_since) == (True, None)
    assert result.not_checked[0] == "2 lines of the head log, which cannot be read."


def test_a_log_that_cannot_be_read_is_said_to_be_not_checked(tmp_path: Path, settings: Any) -> None:
    settings.HEAD_LOG = str(tmp_path)
    result = found(make_book())
    assert result.ok
    assert "cannot be read (Is a directory)" in result.not_checked[0]


def test_a_line_with_other_figures_is_named() -> None:
    account = make_book()
    lines = statement(account)
    lines[4] = statement_line(entries_of(account)[4], number=105, prompt_tokens=1201)
    (problem,) = found(account, lines).problems
    assert (problem.seq, problem.kind) == (5, "statement")
    assert "counts 1,201 + 300 tokens consume of service 1; entry 5 says 1,200 + 300" in problem.message


def test_a_line_under_a_key_that_is_no_hash_is_none_of_ours() -> None:
    account = make_book()
    entry = entries_of(account)[0]
    others = [
        statement_line(entry, number=number, idempotency_key=key)
        for number, key in ((1, None), (2, ""), (3, "0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b"))
    ]
    result = found(account, others)
    assert (result.ok, result.unanchored_since) == (True, 1)


def test_lines_without_an_entry_are_named_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying_anchors, "MOST_NAMED", 2)
    account = make_book()
    entry = entries_of(account)[0]
    lines = [
        statement_line(entry, number=number, idempotency_key=f"{number:064x}") for number in (201, 202, 203)
    ]
    problems = found(account, lines).problems
    assert [one.message[:9] for one in problems] == ["Line 201 ", "Line 202 ", "1 more li"]


def test_what_was_counted_before_the_first_entry_is_the_opening_balance() -> None:
    account = make_book()
    entry = entries_of(account)[0]
    before = statement_line(entry, number=50, idempotency_key="d" * 64)
    assert kinds(found(account, [before])) == {(None, "statement")}
    opening = OpeningBalance.objects.create(account=account, taken_at=entry.recorded_at, last_id=50)
    assert found(account, [before, *statement(account)]).ok
    # and cannot be made larger to hide what came later
    opening.last_id = 101
    opening.save()
    assert kinds(found(account, [before, *statement(account)])) == {(1, "statement")}


def test_before_anybody_has_reconciled_older_lines_are_no_problem_until_one_of_ours_comes() -> None:
    account = make_book()
    entry = entries_of(account)[0]
    older = {"created_at": entry.recorded_at - timedelta(days=1), "idempotency_key": "d" * 64}
    before, after = (statement_line(entry, number=number, **older) for number in (50, 150))
    assert found(account, [before, *statement(account)]).ok
    assert kinds(found(account, [before, *statement(account), after])) == {(None, "statement")}


def test_what_came_before_the_exchange_failed_still_counts() -> None:
    account = make_book()

    def broken() -> Iterator[StatementEntry]:
        yield from statement(account)[:3]
        raise ExchangeUnreachable("It is away.", method="GET", url="http://localhost/usage/statement")

    result = found(account, broken())
    assert result.ok
    # a batch is held against the book when it is complete
    assert "It is away." in " ".join(result.not_checked)


def test_an_entry_that_was_recorded_meanwhile_is_no_problem(log: Path) -> None:
    account = make_book()

    def lines() -> Iterator[StatementEntry]:
        yield from statement(account)
        later = make_entry(account=account)
        yield statement_line(later, number=999)

    result = found(account, lines())
    assert (result.ok, result.entries, result.unanchored_since) == (True, 24, 17)
