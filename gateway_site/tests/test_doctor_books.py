"""What the doctor finds of the ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ExchangeAccount
from gateway_site.doctor import (
    books,
)
from gateway_site.tests.examined import found, levels
from usage import head_log, triggers
from usage.factories import make_entries, make_entry
from usage.models import (
    Chain,
    ReconciliationRun,
    VerificationRun,
)


@pytest.mark.django_db
def test_triggers_that_are_gone() -> None:
    assert found(books.triggers_in_place).level == "ok"
    with triggers.lifted(connection):
        finding = found(books.triggers_in_place)
    assert finding.level == "problem"
    assert "usage_ledger_no_update" in finding.message


def run(account: ExchangeAccount, status: str, hours_ago: float = 0) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    ReconciliationRun.objects.create(account=account, started_at=at, finished_at=at, status=status)


def verification(account: ExchangeAccount, *, hours_ago: float = 0, problems: int = 0) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    VerificationRun.objects.create(
        account=account,
        started_at=at,
        finished_at=at,
        ok=not problems,
        entries=1,
        head_seq=1,
        head_hash="0" * 64,
        problem_count=problems,
    )


@pytest.mark.parametrize(
    ("hours", "problems", "level"), [(1, 0, "ok"), (100, 0, "warning"), (1, 3, "problem")]
)
@pytest.mark.django_db
def test_verifications(hours: float, problems: int, level: str, account: ExchangeAccount) -> None:
    assert found(books.verified).message == "Nothing was recorded yet."
    make_entry(account=account)
    verification(account, hours_ago=hours, problems=problems)
    assert found(books.verified).level == level


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], {"ledger.reconciled": "ok"}),
        ([("clean", 1)], {"ledger.reconciled": "ok"}),
        ([("clean", 30)], {"ledger.reconciled": "warning"}),
        ([("clean", 2), ("different", 1)], {"ledger.differences": "problem"}),
        ([("different", 2), ("clean", 1)], {"ledger.reconciled": "ok"}),
    ],
)
@pytest.mark.django_db
def test_reconciliations(
    runs: list[tuple[str, float]], expected: dict[str, str], account: ExchangeAccount
) -> None:
    assert not list(books.reconciled())
    make_entry(account=account)
    for status, hours in runs:
        run(account, status, hours)
    assert levels(books.reconciled) == expected


@pytest.fixture
def heads(tmp_path: Path, settings: Settings) -> Path:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


@pytest.mark.django_db
def test_no_head_log(settings: Settings) -> None:
    settings.HEAD_LOG = ""
    assert found(books.head_log_agrees).level == "warning"


@pytest.mark.django_db
def test_a_head_log_that_agrees(heads: Path, account: ExchangeAccount) -> None:
    assert found(books.head_log_agrees).level == "ok"  # not begun yet
    assert not heads.exists()
    make_entry(account=account)
    head_log.append_heads(account.exchange, at_once=True)
    assert found(books.head_log_agrees).level == "ok"


@pytest.mark.django_db
def test_a_head_log_that_is_behind(heads: Path, account: ExchangeAccount) -> None:
    make_entry(account=account)
    Chain.objects.update(recorded_at=timezone.now() - timedelta(hours=1))
    assert found(books.head_log_agrees).level == "warning"


@pytest.mark.django_db
def test_a_head_log_that_knows_more_than_the_database(heads: Path, account: ExchangeAccount) -> None:
    make_entries(account, 2)
    head_log.append_heads(account.exchange, at_once=True)
    Chain.objects.update(seq=1, hash="0" * 64)
    finding = found(books.head_log_agrees)
    assert finding.level == "problem"
    assert "--after-restore" in finding.advice


@pytest.mark.django_db
def test_a_head_log_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    settings.HEAD_LOG = str(tmp_path)  # a folder: so for root, too
    finding = found(books.head_log_agrees)
    assert (finding.level, "cannot be written" in finding.message) == ("problem", True)
