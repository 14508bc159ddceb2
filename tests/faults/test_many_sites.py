"""Many processes over one database: what is to be done once is done once, and by another where one dies."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.exchange_process import ExchangeProcess, running_exchange
from tests.faults.conftest import Join
from tests.faults.market import catalogues_fetched, reports_received, wait_for_its_log
from tests.faults.rounds import check_books, check_counted_once, check_verified, record
from tests.faults.site import Job, Trader
from tests.faults.upgrade import Release, fleet
from tests.ports import free_address
from tests.site_process import REPOSITORY

WORKERS, WATCHERS = 4, 3
ENTRIES = 150
INTERVAL = 2  # seconds between two fetches of the catalogue
A_WHILE = 6.0
"""Seconds in which a chore that is done twice would be seen to be."""
RATE = 20


@pytest.fixture
def market(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """An Exchange of the test's own: what killed processes of other tests have sent is not counted."""
    with running_exchange(tmp_path, "-v", "2") as process:
        yield process


def test_four_workers_and_three_watchers_do_each_thing_once(join: Join, market: ExchangeProcess) -> None:
    trader = join(market)
    site, promises = trader.site, record(trader, 1)
    site.run("deliver_all")  # a repeat is proved to count once, so that workers take many at a time
    promises.hear(site.run("record", service_id=trader.service_id, batch=ENTRIES, batches=1))
    promises.hear(site.run("overspend", service_id=trader.service_id))
    wait_for_its_log(market)
    received, fetched, began = reports_received(market), catalogues_fetched(market), time.monotonic()
    others = [
        *(site.start("work") for _ in range(WORKERS)),
        *(site.start("watch_catalogue", interval=INTERVAL) for _ in range(WATCHERS)),
    ]
    promises.hear(site.run("record", service_id=trader.service_id, batches=60, pause=0.02))
    wait_until(lambda: not site.document("queue")["pending"] and all(done(trader)))
    time.sleep(A_WHILE)
    stop(others)
    took = time.monotonic() - began

    assert done(trader) == (1, 1, 2)
    assert site.document("chores")["sent"] == 2
    # each report once, whoever sent it, and in one attempt
    entries = check_books(trader, promises)
    assert Counter(entry["state"] for entry in entries) == {"delivered": len(entries)}
    assert {len(entry["attempts"]) for entry in entries} == {1}
    # what the Exchange was not able to answer it did not count: such a one may be sent again at once
    answered = reports_received(market) - received
    assert (answered["201"], answered["200"]) == (len(entries) - 1, 0), answered  # 200: it had it already
    check_counted_once(market, trader, entries)
    check_verified(trader)
    # one fetch in each period, whoever made it
    fetches = catalogues_fetched(market) - fetched
    assert 2 <= fetches <= took / INTERVAL + 1, (fetches, took)
    print(f"{len(entries)} entries in {took:.1f} s; {fetches} fetches")


def test_where_a_process_dies_at_a_chore_another_does_it(trader: Trader, exchange: ExchangeProcess) -> None:
    site = trader.site
    record(trader, 3)
    site.run("deliver_all")
    exchange.control(latency_ms=5000)
    victims = [site.start("work"), site.start("watch_catalogue", interval=INTERVAL)]
    # each waits for the Exchange, and holds its turn
    wait_until(lambda: len(site.document("chores")["turns"]) == 2 and site.document("chores")["refreshing"])
    for victim in victims:
        victim.kill()
        assert victim.wait() == -9
    exchange.behave()
    assert done(trader)[0] == 0
    fetched = catalogues_fetched(exchange)
    others = [
        *(site.start("work") for _ in range(2)),
        *(site.start("watch_catalogue", interval=INTERVAL) for _ in range(2)),
    ]
    time.sleep(INTERVAL)
    # not before its time has run out: it might have been alive
    assert (done(trader)[0], catalogues_fetched(exchange)) == (0, fetched)
    site.run("let_turns_run_out")
    wait_until(lambda: all(done(trader)[:2]) and catalogues_fetched(exchange) > fetched)
    time.sleep(1)
    stop(others)
    assert done(trader)[:2] == (1, 1)


@pytest.mark.own_database  # another database would show the same of Redis
@pytest.mark.skipif(not shutil.which("redis-server"), reason="NOT RUN: there is no redis-server here")
def test_two_web_servers_count_one_limit_of_requests_in_redis(trader: Trader, tmp_path: Path) -> None:
    secret = trader.site.document("make_key")["secret"]
    release = Release(REPOSITORY, trader)
    with running_redis(tmp_path) as cache, fleet() as ships:
        addresses = [free_address(), free_address()]
        for address in addresses:
            ships.open(release, address, {"CACHE_URL": cache, "TOKLIGENCE_API_RATE": str(RATE)})
        time.sleep(max(0.0, time.time() % 60 - 35))  # all of it within one minute
        statuses = [post(addresses[number % 2], secret, trader.service_id) for number in range(2 * RATE)]
    assert statuses == [201] * RATE + [429] * RATE


def done(trader: Trader) -> tuple[int, int, int]:
    """How often its account was reconciled and verified, and mails about its budgets that arrived."""
    told = trader.site.document("chores")
    return told["reconciled"], told["verified"], told["mails"]


def wait_until(is_so: Callable[[], object]) -> None:
    give_up = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def stop(jobs: list[Job]) -> None:
    """SIGTERM for all of them; each ends well."""
    for job in jobs:
        job.stop()
    assert [job.wait() for job in jobs] == [0] * len(jobs), [job.errors() for job in jobs]


def post(address: str, secret: str, service_id: int) -> int:
    body = {"service_id": service_id, "prompt_tokens": 1, "completion_tokens": 1, "direction": "consume"}
    connection = HTTPConnection(address, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/usage", json.dumps(body), headers)
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A Redis of the test's own; its URL."""
    host, port = free_address().split(":")
    words = ["redis-server", "--bind", host, "--port", port, "--save", "", "--dir", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_open(host, int(port)))
            yield f"redis://{host}:{port}/0"
        finally:
            process.terminate()


def is_open(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
