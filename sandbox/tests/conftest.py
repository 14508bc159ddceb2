"""The running Exchanges that the tests talk to, over HTTP alone."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from sandbox.tests.caller import Caller
from tests.exchange_process import ExchangeProcess, running_exchange

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "")


@pytest.fixture(scope="session")
def shared_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


@pytest.fixture
def process(shared_process: ExchangeProcess) -> Iterator[ExchangeProcess]:
    """An Exchange that behaves well, at the beginning of every test."""
    yield shared_process
    shared_process.behave()


@pytest.fixture
def exchange(process: ExchangeProcess) -> Iterator[Caller]:
    with Caller(process.base_url) as caller:
        yield caller


@pytest.fixture(scope="session")
def postgres_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """An Exchange with two worker processes on a database of its own, on the server of TEST_POSTGRES_URL."""
    if not POSTGRES_URL:
        pytest.skip("TEST_POSTGRES_URL is not set")
    name = f"sandbox_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = urlunsplit(urlsplit(POSTGRES_URL)._replace(path=f"/{name}"))
            folder = tmp_path_factory.mktemp("postgres")
            with running_exchange(folder, "--workers", "2", env={"SANDBOX_DATABASE_URL": url}) as exchange:
                yield exchange
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["shared_process", "postgres_process"], ids=["sqlite", "postgresql"])
def each_process(request: pytest.FixtureRequest) -> Iterator[ExchangeProcess]:
    """An Exchange on SQLite and, where there is a server, one on PostgreSQL."""
    exchange: ExchangeProcess = request.getfixturevalue(request.param)
    yield exchange
    exchange.behave()


@pytest.fixture
def on_each_database(each_process: ExchangeProcess) -> Iterator[Caller]:
    with Caller(each_process.base_url) as caller:
        yield caller


@pytest.fixture
def own_process(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """An Exchange with empty books, for one test alone."""
    with running_exchange(tmp_path) as exchange:
        yield exchange
