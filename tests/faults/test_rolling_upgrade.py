from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.exchange_process import ExchangeProcess
from tests.faults.databases import Database, SqliteFile, on_postgres
from tests.faults.rounds import check_books, check_counted_once, check_verified
from tests.faults.site import Job, Trader
from tests.faults.upgrade import (
    Balancer,
    Clients,
    asked,
    fleet,
    release_after,
    release_of_now,
)
from tests.ports import free_address

CLIENTS = 4
BETWEEN = 30
"""Entries that are answered for between two steps."""
TRIGGERS = {
    True: "FROM pg_trigger WHERE tgrelid = 'usage_ledgerentry'::regclass AND NOT tgisinternal",
    False: "FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'usage_ledgerentry'",
}


def test_a_migration_and_new_servers_come_one_after_the_other_while_recording_goes_on(
    trader: Trader, exchange: ExchangeProcess, tmp_path: Path
) -> None:
    old, new = release_of_now(trader, tmp_path / "old"), release_after(trader, tmp_path / "new")
    first, second, third = (free_address() for _ in range(3))
    balancer = Balancer([first, second, third])
    secret = trader.site.document("make_key")["secret"]
    clients = Clients(balancer, secret, trader.service_id)
    with fleet() as ships:
        for address in (first, second):
            ships.open(old, address)
        ships.others.append(old.start("delivery"))
        with balancer.watching(), clients.at_work(CLIENTS):
            clients.wait_for_answers(BETWEEN)
            # the new program says that it cannot serve yet, and nobody is sent there
            ships.open(new, third)
            assert asked(third, "/readyz") == 503
            with triggers_watched(trader.site.database) as triggers:
                migrated = new.manage("migrate", "--verbosity", "0")
            assert migrated.returncode == 0, migrated.stderr
            # the old one does not mind
            assert [asked(one, "/readyz") for one in (first, second)] == [200, 200]
            clients.wait_for_answers(BETWEEN)
            balancer.take_in(third)
            for address in (first, second):
                balancer.take_out(address)
                ships.close(address)
                clients.wait_for_answers(BETWEEN)
                ships.open(new, address)
                balancer.take_in(address)
                clients.wait_for_answers(BETWEEN)
            ships.others.pop().stop()
            ships.others.append(new.start("delivery"))
            ships.others[0].wait_until_it_speaks()
        ships.others.pop().stop()
    assert clients.lost == []
    assert set(clients.statuses) == {201}
    assert set(clients.served) == {first, second, third}
    # the ledger was append-only at every instant
    assert len(triggers) == 1, triggers
    print(f"{clients.statuses[201]} entries; the slowest answer came after {clients.slowest:.2f} s")

    trader.site.run("deliver_all")
    entries = check_books(trader, clients.promises)
    assert Counter(entry["state"] for entry in entries) == {"delivered": len(entries)}
    check_counted_once(exchange, trader, entries)
    check_verified(trader)
    assert new.manage("verify_ledger").returncode == 0
    assert new.manage("migrate", "--check").returncode == 0


@pytest.mark.skipif(not on_postgres(), reason="SQLite's readers keep nobody from changing a table")
def test_a_change_of_a_table_that_is_read_for_long_gives_up_and_stops_nobody(
    trader: Trader, tmp_path: Path
) -> None:
    new = release_after(trader, tmp_path / "new")
    with reading_for_long(trader.site.database, "usage_ledgerentry"):
        recorder = trader.site.start("record", service_id=trader.service_id)
        recorder.wait_until_it_speaks()
        began = time.monotonic()
        with pauses_of(recorder) as seen:
            ended = new.manage("migrate", "--lock-timeout", "0.5", "--tries", "2", "--verbosity", "0")
        took = time.monotonic() - began
        recorder.stop()
        recorder.wait()
    assert ended.returncode == 1, ended.stdout
    assert "was in use each of the 2 times" in ended.stderr
    assert "its transaction is" in ended.stderr
    assert took < 30
    # nobody has waited behind it for longer than it waits itself, give or take a slow machine
    assert max(seen) < 2.0, max(seen)
    assert new.manage("migrate", "--check").returncode == 1
    # once the reader is through it goes well
    assert new.manage("migrate", "--verbosity", "0").returncode == 0
    assert new.manage("migrate", "--check").returncode == 0


@contextmanager
def triggers_watched(database: Database) -> Iterator[set[int]]:
    """How many triggers the ledger's table had, looked at all the while."""
    seen: set[int] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.001):
            seen.add(count())

    if isinstance(database, SqliteFile):
        connection = sqlite3.connect(database.path, check_same_thread=False)
    else:
        connection = psycopg.connect(database.url, autocommit=True)

    def count() -> int:
        return int(connection.execute(f"SELECT count(*) {TRIGGERS[on_postgres()]}").fetchone()[0])

    thread = threading.Thread(target=look)
    with closing(connection):
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join()


@contextmanager
def reading_for_long(database: Database, table: str) -> Iterator[None]:
    """Somebody reads it in a transaction that does not end."""
    with psycopg.connect(database.url) as connection:
        connection.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608
        yield
        connection.rollback()


@contextmanager
def pauses_of(recorder: Job) -> Iterator[list[float]]:
    """For how long it has recorded nothing, each time, in seconds."""
    pauses: list[float] = []
    ended = threading.Event()

    def look() -> None:
        size, since = -1, time.monotonic()
        while not ended.wait(0.02):
            now = recorder.output.stat().st_size
            if now != size:
                pauses.append(time.monotonic() - since)
                size, since = now, time.monotonic()
        pauses.append(time.monotonic() - since)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield pauses
    finally:
        ended.set()
        thread.join()
