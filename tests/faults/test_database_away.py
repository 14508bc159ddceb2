"""The database goes away under a site that serves, and comes back: said plainly, forgotten after."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse

import pytest
from psycopg import sql

from tests.faults.databases import Database, PostgresDatabase, SqliteFile, on_postgres
from tests.faults.rounds import check_books, check_verified
from tests.faults.site import Trader
from tests.faults.web import Clients, WebServer, running_web

CLIENTS = 4
THREADS = 8
"""Of all web workers: so many connections each may have been in use when the server was restarted."""


def test_a_database_that_is_away_is_said_to_be_and_nobody_has_to_restart_the_site(trader: Trader) -> None:
    session = {"Cookie": f"tgw_session={'a' * 32}"}
    secret = trader.site.document("make_key")["secret"]
    with running_web(trader) as web:
        # every thread has the database open
        for _ in range(2 * THREADS):
            assert ask(web, "/accounts/login/", **session)[0].status == 200
        with away(trader.site.database):
            page, _ = ask(web, "/accounts/login/", **session)
            api, told = ask(web, "/api/v1/services", Authorization=f"Bearer {secret}")
            assert (page.status, page.headers["Retry-After"]) == (503, "5")
            assert page.headers["Content-Type"].startswith("text/html")
            assert (api.status, api.headers["Retry-After"]) == (503, "5")
            assert json.loads(told)["error"]["code"] == "busy"
            assert ask(web, "/healthz")[0].status == 200
            assert ask(web, "/readyz")[0].status == 503
        for _ in range(2 * THREADS):
            assert ask(web, "/accounts/login/", **session)[0].status == 200
        assert ask(web, "/readyz")[0].status == 200


@pytest.mark.skipif(not on_postgres(), reason="a file is not restarted")
def test_a_database_that_is_restarted_costs_no_more_than_what_was_in_flight(trader: Trader) -> None:
    database = trader.site.database
    assert isinstance(database, PostgresDatabase)
    secret = trader.site.document("make_key")["secret"]
    with running_web(trader) as web:
        clients = PatientClients(web.address, secret, trader.service_id)
        with clients.at_work(CLIENTS):
            for _ in range(3):
                clients.wait_for_answers(30)
                database._end_its_sessions()
            clients.wait_for_answers(30)
    assert clients.wrong == []
    assert clients.lost == 0
    assert clients.refused <= 3 * CLIENTS
    check_books(trader, clients.promises)
    check_verified(trader)


@dataclass
class PatientClients(Clients):
    """They take 503 for what it says: whether it was kept is not known, so that they send the same again."""

    refused: int = 0
    to_send_again: set[str] = field(default_factory=set)

    def _send(self, connection: HTTPConnection, body: dict[str, object], which: str) -> bool:
        answered = super()._send(connection, body, which)
        entry_id = str(body["entry_id"])
        if entry_id not in self.to_send_again:
            return answered
        self.to_send_again.discard(entry_id)
        time.sleep(0.05)
        return False

    def _take_down(self, entry_id: str, which: str, status: int, text: bytes) -> None:
        if status != 503:
            super()._take_down(entry_id, which, status, text)
            return
        if json.loads(text)["error"]["code"] != "busy":
            self.wrong.append(text.decode())
        self.refused += 1
        self.to_send_again.add(entry_id)


@contextmanager
def away(database: Database) -> Iterator[None]:
    """Nobody reaches it inside the block, and who had it open has lost it."""
    if isinstance(database, PostgresDatabase):
        with let_nobody_in(database):
            yield
        return
    assert isinstance(database, SqliteFile)
    elsewhere = database.path.with_name("elsewhere")
    elsewhere.mkdir()
    names = [f"{database.path.name}{suffix}" for suffix in ("", "-wal", "-shm")]
    files = [database.path.with_name(name) for name in names if database.path.with_name(name).exists()]
    for file in files:
        file.rename(elsewhere / file.name)
    database.path.mkdir()
    try:
        yield
    finally:
        database.path.rmdir()
        for file in files:
            (elsewhere / file.name).rename(file)


@contextmanager
def let_nobody_in(database: PostgresDatabase) -> Iterator[None]:
    def let(said: str) -> None:
        with database._connected() as connection:
            words = "ALTER DATABASE {} WITH ALLOW_CONNECTIONS " + said
            connection.execute(sql.SQL(words).format(sql.Identifier(database.name)))

    let("false")
    try:
        database._end_its_sessions()
        yield
    finally:
        let("true")


def ask(web: WebServer, path: str, **headers: str) -> tuple[HTTPResponse, str]:
    """The answer, and its body."""
    with closing(HTTPConnection(web.address, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response, response.read().decode()
