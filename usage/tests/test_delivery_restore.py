"""A database that was put back to an earlier moment: nothing is sent twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage import head_log, tallies
from usage.delivering.claims import claims_lost
from usage.delivering.restore import guard_restored
from usage.delivering.worker import Worker
from usage.delivery import after_restore, deliver_due, deliver_now
from usage.factories import make_entries, make_entry
from usage.models import Delivery, DeliveryQueue
from usage.tests.reporting import Counting, prove, state_of, tallies_are_right

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log(tmp_path: Path, settings: Settings) -> Path:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def put_back(account: ExchangeAccount) -> None:
    """What a backup of before the delivery has: the entries wait, and no taking was counted."""
    moved = []
    for row in Delivery.objects.select_related("entry").filter(state="delivered"):
        moved.append(tallies.move_of(row.entry, "delivered", "pending"))
        row.attempt_log.all().delete()
    Delivery.objects.update(state="pending", attempts=0, settled_at=None, settled_by="", receipt=None)
    tallies.move(account.pk, moved)
    DeliveryQueue.objects.update(claims=0, restored_heads="", restored_at=None)


def test_what_was_delivered_after_the_backup_is_not_sent_again(
    account: ExchangeAccount, core: Counting
) -> None:
    entries = make_entries(account, 3)
    worker = Worker()
    worker.round()
    assert len(core.keys) == 3
    put_back(account)
    assert worker.round().uncertain == 3
    assert Worker().round().has_news is False
    assert len(core.keys) == 3
    assert {state_of(entry) for entry in entries} == {"uncertain"}
    assert tallies_are_right()


def test_what_is_recorded_after_the_restore_is_delivered(account: ExchangeAccount, core: Counting) -> None:
    make_entries(account, 3)
    Worker().round()
    put_back(account)
    worker = Worker()
    worker.round()
    entry = make_entry(account=account)
    assert worker.round().delivered == 1
    assert state_of(entry) == "delivered"


def test_the_same_backup_restored_again_is_noticed_again(account: ExchangeAccount, core: Counting) -> None:
    make_entries(account, 2)
    Worker().round()
    for _ in range(2):
        put_back(account)
        Delivery.objects.filter(state="uncertain").update(state="pending")
        assert claims_lost(account.exchange) > 0
        guard_restored(account.exchange)
        assert claims_lost(account.exchange) == 0


def test_who_restored_it_may_say_so_and_then_it_is_not_noticed_again(
    account: ExchangeAccount, core: Counting
) -> None:
    make_entries(account, 2)
    Worker().round()
    put_back(account)
    assert after_restore(account.exchange) == 2
    make_entry(account=account)
    done = Worker().round()
    assert (done.delivered, done.uncertain) == (1, 0)


def test_a_page_sends_nothing_from_a_restored_backup(account: ExchangeAccount, core: Counting) -> None:
    (entry,) = make_entries(account, 1)
    Worker().round()
    put_back(account)
    assert deliver_now(entry, deadline=4).state == "pending"
    assert claims_lost(account.exchange) == 1
    assert len(core.keys) == 1


def test_entries_that_are_missing_are_noticed_once(
    account: ExchangeAccount, core: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entries(account, 2)
    chain = account.chain
    tip = head_log.Tip(seq=9, hash="ab" * 32, at=chain.recorded_at, exchange=account.exchange.base_url)
    monkeypatch.setattr(head_log, "rolled_back", lambda _exchange: [head_log.RolledBack(chain, tip)])
    assert guard_restored(account.exchange) == 2
    make_entry(account=account)
    assert guard_restored(account.exchange) == 0
    assert deliver_due(account.exchange).delivered == 1


def test_where_a_repeat_counts_once_it_is_simply_sent_again(account: ExchangeAccount, wire: Wire) -> None:
    exchange = Counting(wire)
    prove(account)
    make_entries(account, 3)
    Worker().round()
    put_back(account)
    done = Worker().round()
    assert (done.delivered, done.uncertain) == (3, 0)
    assert len(exchange.counted) == 3


def test_a_file_of_another_database_says_nothing_of_this_one(account: ExchangeAccount, log: Path) -> None:
    Path(f"{log}.claims").write_text(json.dumps({"5b2f0a5e-0d1c-4b66-8f0e-0d4f6f3b0f11": 500}))
    assert claims_lost(account.exchange) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": "y"}', "\0", "[" * 100_000])
def test_a_file_that_is_none_stops_nobody_and_is_made_anew(
    text: str, account: ExchangeAccount, core: Counting, log: Path
) -> None:
    Path(f"{log}.claims").write_text(text)
    make_entry(account=account)
    assert Worker().round().delivered == 1
    assert list(json.loads(Path(f"{log}.claims").read_text()).values()) == [1]


def test_a_file_that_cannot_be_written_stops_nobody(
    account: ExchangeAccount, core: Counting, settings: Settings, tmp_path: Path
) -> None:
    settings.HEAD_LOG = str(tmp_path / "nowhere" / "heads.jsonl")
    make_entry(account=account)
    assert Worker().round().delivered == 1


def test_without_a_head_log_nothing_is_written(
    account: ExchangeAccount, core: Counting, settings: Settings, log: Path
) -> None:
    settings.HEAD_LOG = ""
    make_entry(account=account)
    assert Worker().round().delivered == 1
    assert not list(log.parent.iterdir())
