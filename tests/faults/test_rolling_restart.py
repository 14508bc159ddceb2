"""A new version is rolled out while programs record: web workers and the delivery worker are told to stop."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from tests.exchange_process import ExchangeProcess
from tests.faults.market import reports_received
from tests.faults.rounds import check_books, check_counted_once, check_verified, record
from tests.faults.site import PATIENCE, Trader
from tests.faults.web import Clients, WebServer, running_web

CLIENTS = 4
ROUNDS = pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.long)])
BETWEEN = 30
"""Entries that are answered for between two restarts."""
LATENCY = 20  # milliseconds, so that a worker that is told to stop mostly has a report under way
GRACE = 30  # seconds that an operator gives a worker before it is killed


@ROUNDS
def test_nobody_notices_that_web_and_worker_are_restarted(
    trader: Trader, exchange: ExchangeProcess, rounds: int
) -> None:
    secret = trader.site.document("make_key")["secret"]
    # the first receipt proves it: from here on a report may be repeated
    first = record(trader, 1)
    trader.site.run("deliver_all")
    exchange.control(latency_ms=LATENCY)
    with running_web(trader) as web:
        clients = SteadyClients(web.address, secret, trader.service_id)
        clients.promises.answered |= first.answered
        with clients.at_work(CLIENTS):
            for _ in range(rounds):
                with running_worker(trader, exchange):
                    clients.wait_for_answers(BETWEEN)
                    reload_web(web)
                    clients.wait_for_answers(BETWEEN)
    assert clients.wrong == []
    assert clients.lost == 0, "a request was not answered"
    assert {which for which, _status in clients.statuses} == {"first"}

    exchange.control(latency_ms=0)
    assert trader.site.document("deliver_all")["pending"] == 0
    entries = check_books(trader, clients.promises)
    assert Counter(entry["state"] for entry in entries) == {"delivered": len(entries)}
    assert max(len(entry["attempts"]) for entry in entries) == 1, "a report was cut off, and sent again"
    check_counted_once(exchange, trader, entries)
    check_verified(trader)


class SteadyClients(Clients):
    """They leave the delivery worker a chance to keep up: it is one, and the Exchange is slow."""

    def _send(self, connection: HTTPConnection, body: dict[str, object], which: str) -> bool:
        time.sleep(0.03)
        return super()._send(connection, body, which)


def reload_web(web: WebServer) -> None:
    """Have every web worker replaced by a new one, and wait until that is done."""
    before, give_up = set(web.workers()), time.monotonic() + PATIENCE
    os.kill(web.master, signal.SIGHUP)
    while True:
        now = set(web.workers())
        if not now & before and len(now) == len(before):
            return
        assert time.monotonic() < give_up, "the old ones do not end"
        time.sleep(0.05)


@contextmanager
def running_worker(trader: Trader, exchange: ExchangeProcess) -> Iterator[None]:
    """The delivery worker at work, which at the exit is told to stop, and ends well in time."""
    before, give_up = reports_received(exchange).total(), time.monotonic() + PATIENCE
    worker = trader.site.manage("sync_usage", "--watch")
    try:
        while reports_received(exchange).total() <= before:
            assert worker.poll() is None, "it ended by itself"
            assert time.monotonic() < give_up, "it delivers nothing"
            time.sleep(0.05)
        yield
        assert worker.poll() is None, "it ended by itself"
        worker.terminate()
        assert worker.wait(GRACE) == 0
    finally:
        worker.kill()
        worker.wait()
