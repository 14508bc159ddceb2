from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from usage import head_log
from usage.factories import make_entries, make_entry
from usage.models import Chain
from usage.tests.books import recompute, truncate
from usage.triggers import lifted
from usage.verifying import head_lines
from usage.verifying.head_lines import HeadLine, read_line, read_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path, settings: Any) -> Path:
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def chain_of(account: ExchangeAccount) -> Chain:
    return Chain.objects.get(account=account)


def later(seconds: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def seqs(path: Path) -> list[int]:
    return [line.seq for line in read_lines(str(path)) if line]


def test_a_line_says_which_chain_had_come_how_far(path: Path, account: ExchangeAccount) -> None:
    make_entries(account, 3)
    assert head_log.append_heads(account.exchange) == 1
    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    chain = chain_of(account)
    assert line.pop("at").endswith("Z")
    assert line == {
        "exchange": account.exchange.base_url,
        "chain": str(chain.chain_id),
        "seq": 3,
        "hash": chain.hash,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    tip = head_log.tips()[chain.chain_id]
    assert (tip.seq, tip.hash, tip.exchange) == (3, chain.hash, account.exchange.base_url)


def test_a_chain_that_has_not_moved_gets_no_line(path: Path, account: ExchangeAccount) -> None:
    make_entry(account=account)
    Chain.objects.create(account=make_account())
    assert [head_log.append_heads(account.exchange, at_once=True) for _ in range(3)] == [1, 0, 0]


def test_a_chain_that_moves_gets_a_line_a_minute_and_one_when_it_rests(
    path: Path, account: ExchangeAccount
) -> None:
    for seconds, written in ((0, 1), (1, 0), (30, 0), (61, 1), (65, 0)):
        with later(seconds):
            make_entry(account=account)
            assert head_log.append_heads(account.exchange) == written, seconds
    with later(71):
        assert head_log.append_heads(account.exchange) == 1
    assert seqs(path) == [1, 4, 5]


def test_another_exchanges_chains_are_left_to_whoever_works_for_it(
    path: Path, account: ExchangeAccount
) -> None:
    make_entry(account=make_account(exchange=make_exchange(base_url="https://other.example")))
    assert head_log.append_heads(account.exchange) == 0


def test_without_a_file_configured_nothing_is_written(account: ExchangeAccount, settings: Any) -> None:
    settings.HEAD_LOG = ""
    make_entry(account=account)
    assert head_log.append_heads(account.exchange) == 0
    assert head_log.tips() == {}
    assert head_log.rolled_back(account.exchange) == []


def test_a_file_that_is_not_there_says_nothing(path: Path, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert head_log.tips() == {}
    assert head_log.rolled_back(account.exchange) == []


def test_a_file_that_was_moved_away_begins_again_with_every_head(
    path: Path, account: ExchangeAccount
) -> None:
    make_entry(account=account)
    head_log.append_heads(account.exchange)
    path.rename(path.with_suffix(".old"))
    assert head_log.append_heads(account.exchange) == 1
    assert seqs(path) == [1]


def test_a_file_that_cannot_be_written_stops_nobody(
    tmp_path: Path, account: ExchangeAccount, settings: Any
) -> None:
    settings.HEAD_LOG = str(tmp_path)
    make_entry(account=account)
    assert head_log.append_heads(account.exchange) == 0


def test_what_a_crash_has_torn_off_swallows_no_other_line(path: Path, account: ExchangeAccount) -> None:
    make_entry(account=account)
    head_log.append_heads(account.exchange)
    whole = path.read_bytes()
    make_entry(account=account)
    for cut in (1, 20, len(whole) - 2):
        path.write_bytes(whole + whole[:cut])
        assert head_log.tips()[chain_of(account).chain_id].seq == 1
        assert head_log.append_heads(account.exchange, at_once=True) == 1
        assert [line and line.seq for line in read_lines(str(path))] == [1, None, 2]
        assert head_log.tips()[chain_of(account).chain_id].seq == 2


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"nothing",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"at": "2026-01-31T12:00:00Z"}',
        b'{"at": "2026-01-31T12:00:00", "exchange": "e", "chain": "%s", "seq": 1, "hash": "%s"}',
        b'{"at": "2026-01-31T12:00:00Z", "exchange": "e", "chain": "%s", "seq": "1", "hash": "%s"}',
        b'{"at": "2026-01-31T12:00:00Z", "exchange": "e", "chain": "%s", "seq": true, "hash": "%s"}',
        b'{"at": "2026-01-31T12:00:00Z", "exchange": "e", "chain": "%s", "seq": -1, "hash": "%s"}',
        b'{"at": "2026-01-31T12Z", "exchange": "", "chain": "%s", "seq": 9223372036854775808, "hash": "%s"}',
        b'{"at": "0001-01-01T00:00:00+14:00", "exchange": "e", "chain": "%s", "seq": 1, "hash": "%s"}',
        b'{"at": "9999-12-31T23:59:59-12:00", "exchange": "e", "chain": "%s", "seq": 1, "hash": "%s"}',
        b'{"at": "2026-01-31T12:00:00Z", "exchange": 7, "chain": "%s", "seq": 1, "hash": "%s"}',
        b'{"at": "2026-01-31T12:00:00Z", "exchange": "e", "chain": 7, "seq": 1, "hash": "%s%s"}',
        b'{"at": "2026-01-31T12:00:00Z", "exchange": "e", "chain": "%s", "seq": 1, "hash": "%sA"}',
    ],
)
def test_a_line_that_is_none_is_told_from_one(bad: bytes) -> None:
    good = HeadLine(timezone.now(), "https://e.example", uuid.uuid4(), 7, "a" * 64)
    assert read_line(good.written()) == good
    if bad.count(b"%s"):
        bad = bad % (str(uuid.uuid4()).encode(), b"a" * 64)
    assert read_line(bad) is None


def test_a_line_that_does_not_end_is_not_held_in_memory(
    path: Path, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entry(account=account)
    head_log.append_heads(account.exchange)
    line = path.read_bytes()
    monkeypatch.setattr(head_lines, "LONGEST", 1000)
    path.write_bytes(b"x" * 2500 + b"\n" + line)
    assert [found and found.seq for found in read_lines(str(path))] == [None, None, None, 1]
    assert head_log.tips()[chain_of(account).chain_id].seq == 1


def test_lines_that_another_process_appends_are_seen(path: Path, account: ExchangeAccount) -> None:
    make_entry(account=account)
    head_log.append_heads(account.exchange)
    other = HeadLine(timezone.now(), account.exchange.base_url, uuid.uuid4(), 7, "a" * 64)
    with path.open("ab") as file:
        file.write(other.written())
    assert head_log.tips()[other.chain].seq == 7
    with path.open("ab") as file:
        file.write(other._replace(seq=8).written()[:10])
    assert head_log.tips()[other.chain].seq == 7


def test_several_who_append_at_once_write_whole_lines_and_none_twice(
    path: Path, account: ExchangeAccount
) -> None:
    chain = uuid.uuid4()
    lines = [
        HeadLine(timezone.now(), account.exchange.base_url, chain, seq, f"{seq:064x}") for seq in range(1, 41)
    ]
    workers = [
        threading.Thread(target=lambda: [head_log._append(str(path), [line]) for line in lines])
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    written = seqs(path)
    assert written == sorted(set(written)), "in order, and once"
    assert written[-1] == 40
    assert len(path.read_bytes().splitlines()) == len(written)


def test_a_chain_behind_the_log_has_been_rolled_back(path: Path, account: ExchangeAccount) -> None:
    make_entries(account, 5)
    head_log.append_heads(account.exchange)
    assert head_log.rolled_back(account.exchange) == []
    with lifted(connection):
        truncate(account, 3)
    (found,) = head_log.rolled_back(account.exchange)
    assert (found.chain.account, found.chain.seq, found.logged.seq) == (account, 3, 5)
    # other entries under the same numbers are no less of a roll-back, and no line hides it
    make_entries(account, 4)
    (found,) = head_log.rolled_back(account.exchange)
    assert (found.chain.seq, found.logged.seq) == (7, 5)
    assert head_log.append_heads(account.exchange, at_once=True) == 0


def test_a_head_of_the_same_number_and_another_hash_is_a_roll_back(
    path: Path, account: ExchangeAccount
) -> None:
    make_entries(account, 5)
    head_log.append_heads(account.exchange)
    with lifted(connection):
        account.entries.filter(seq=2).update(memo="never said")
        recompute(account, 2)
    assert len(head_log.rolled_back(account.exchange)) == 1


def test_a_roll_back_that_is_accepted_is_written_down_and_the_chain_goes_on(
    path: Path, account: ExchangeAccount
) -> None:
    make_entries(account, 5)
    head_log.append_heads(account.exchange)
    with lifted(connection):
        truncate(account, 3)
    assert head_log.accept_rollback(account.exchange) == 1
    assert head_log.accept_rollback(account.exchange) == 0
    assert head_log.rolled_back(account.exchange) == []
    assert head_log.tips()[chain_of(account).chain_id].seq == 3
    assert json.loads(path.read_text().splitlines()[-1])["rolled_back"] is True
    make_entry(account=account)
    assert head_log.append_heads(account.exchange, at_once=True) == 1
    assert seqs(path) == [5, 3, 4]
