from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage.delivering import worker as delivery_worker
from usage.delivering.chores import Chores
from usage.delivering.worker import Worker
from usage.factories import make_entries, make_entry
from usage.models import DeliveryQueue
from usage.tests.reporting import Counting, prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def heads(tmp_path: Path, settings: Settings) -> Path:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def logged(heads: Path) -> list[int]:
    """The numbers that the head log names."""
    return [json.loads(line)["seq"] for line in heads.read_text().splitlines()]


def test_the_heads_are_written_at_its_start_and_at_its_end(
    account: ExchangeAccount, wire: Wire, heads: Path
) -> None:
    Counting(wire)
    make_entries(account, 2)
    worker = Worker()
    worker.round()
    assert logged(heads) == [2]
    make_entry(account=account)
    worker.settle_down()
    assert logged(heads) == [2, 3]


def test_the_heads_are_not_looked_at_in_every_round(
    account: ExchangeAccount, heads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    now = [100.0]
    monkeypatch.setattr(delivery_worker.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(delivery_worker.head_log, "append_heads", lambda _exchange: looks.append(now[0]))
    worker = Worker()
    for second in (100.0, 101.0, 104.0, 105.0, 106.0, 110.5):
        now[0] = second
        worker.round()
    assert looks == [100.0, 105.0, 110.5]


def test_it_says_every_few_seconds_that_it_is_alive(account: ExchangeAccount) -> None:
    worker, now = Worker(), timezone.now()
    seen = []
    for seconds in (0, 1, 4, 6, 8, 12):
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            worker.round()
            at = DeliveryQueue.objects.get().worker_seen_at
            assert at is not None
            seen.append(round((at - now).total_seconds()))
    assert seen == [0, 0, 0, 6, 6, 12]


def test_its_chores_are_begun_after_delivering(
    account: ExchangeAccount, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Counting(wire)
    prove(account)
    make_entry(account=account)
    begun: list[int] = []
    chores = Chores()
    monkeypatch.setattr(chores, "start_if_due", lambda _exchange: begun.append(len(exchange.counted)))
    Worker(chores=chores).round()
    assert begun == [1]
