from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from usage.dashboard_books import LATE, delivery_line, ledger_line, reconciliation_line, stopwatch
from usage.models import Chain, ReconciliationRun, VerificationRun
from usage.queue import QueueStatus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def check(**fields: Any) -> VerificationRun:
    told = {"ok": True, "entries": 40, "head_seq": 40, "head_hash": "ab", "finished_at": NOW}
    return VerificationRun(**{**told, **fields})


def run(status: str, **fields: Any) -> ReconciliationRun:
    return ReconciliationRun(**{"status": status, "finished_at": NOW, "lines": {"matched": None}, **fields})


def test_a_ledger_that_was_not_checked_is_not_called_intact() -> None:
    line = ledger_line(Chain(seq=1240), None)
    assert (line.state, line.tone, line.fact) == ("Not checked yet", "plain", "1,240 entries")
    assert line.notes == ("the worker does it by itself",)


def test_a_ledger_that_held_is_intact_as_far_as_it_was_checked() -> None:
    line = ledger_line(Chain(seq=40), check())
    assert (line.state, line.tone, line.notes, line.since) == ("Intact", "ok", (), NOW)
    assert ledger_line(Chain(seq=1040), check()).notes == ("up to number 40",)


def test_what_nothing_outside_confirms_is_said() -> None:
    line = ledger_line(Chain(seq=40), check(unanchored_since=31))
    assert line.notes == ("nothing outside confirms 31 and later",)


def test_problems_are_counted() -> None:
    line = ledger_line(Chain(seq=40), check(ok=False, problem_count=1))
    assert (line.state, line.tone) == ("1 problem", "bad")
    assert ledger_line(Chain(seq=40), check(ok=False, problem_count=1200)).state == "1,200 problems"


def test_an_empty_book_has_nothing_to_check_or_deliver() -> None:
    assert ledger_line(Chain(), None).state == "Empty"
    assert delivery_line(QueueStatus(), is_empty=True).state == "Nothing to deliver"


@pytest.mark.parametrize(
    ("status", "state", "tone", "notes"),
    [
        (QueueStatus(), "All delivered", "ok", ("nothing waits",)),
        (QueueStatus(pending=2, sending=1, worker_alive=True), "3 pending", "plain", ()),
        (QueueStatus(pending=1, lag_seconds=LATE + 1, worker_alive=True), "1 pending", "warn", ()),
        (QueueStatus(pending=1), "1 pending", "warn", ("no worker runs",)),
        (QueueStatus(uncertain=2, pending=1, worker_alive=True), "2 uncertain", "warn", ("1 pending",)),
        (
            QueueStatus(rejected=1, uncertain=2, pending=3, worker_alive=True),
            "1 rejected",
            "bad",
            ("2 uncertain", "3 pending"),
        ),
    ],
)
def test_delivery_says_the_worst_first(
    status: QueueStatus, state: str, tone: str, notes: tuple[str, ...]
) -> None:
    line = delivery_line(status)
    assert (line.state, line.tone, line.notes) == (state, tone, notes)


def test_delivery_leads_to_what_is_meant() -> None:
    assert delivery_line(QueueStatus(rejected=1, pending=4)).url == "/usage/logs/?state=rejected"
    assert delivery_line(QueueStatus()).url == ""


def test_delivery_says_how_long_the_oldest_waits() -> None:
    hour_ago = NOW - timedelta(hours=1)
    line = delivery_line(QueueStatus(pending=1, oldest_pending_at=hour_ago, lag_seconds=3605))
    assert (line.since, line.since_words, line.lag) == (hour_ago, "oldest waits", "1:00:05")
    assert delivery_line(QueueStatus()).lag == ""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (42, "0:42"), (725, "12:05"), (111_609, "31:00:09")]
)
def test_a_stopwatch(seconds: int, shown: str) -> None:
    assert stopwatch(seconds) == shown


def test_what_was_rejected_is_to_be_read_out() -> None:
    assert delivery_line(QueueStatus(rejected=2)).alarm == "Delivery: 2 rejected"
    assert delivery_line(QueueStatus(uncertain=2)).alarm == ""


@pytest.mark.parametrize(
    ("found", "state", "tone", "notes"),
    [
        (None, "Not compared yet", "plain", ("the worker does it by itself",)),
        (run("clean", lines={"matched": 1200}), "Both books agree", "ok", ("1,200 lines matched",)),
        (run("different"), "Differs", "bad", ()),
        (run("different", acknowledged_at=NOW), "Differs", "warn", ("acknowledged",)),
        (run("unavailable", lines={}), "Could not compare", "plain", ()),
    ],
)
def test_reconciliation_says_what_it_came_to(
    found: ReconciliationRun | None, state: str, tone: str, notes: tuple[str, ...]
) -> None:
    line = reconciliation_line(found)
    assert (line.state, line.tone, line.notes) == (state, tone, notes)
    assert line.url == "/usage/reconciliation/"
