from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exchange_process import ExchangeProcess, running_exchange
from tests.faults.databases import Database, copy_of, new_database
from tests.faults.site import Foreman, Site, Trader, migrate, running_foreman


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What kills processes while they work has nothing beside it."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("alone")


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with its tables, for every test to begin with."""
    folder = tmp_path_factory.mktemp("template")
    with new_database(folder) as database:
        migrate(database, folder)
        yield database


@pytest.fixture(scope="session")
def _foreman(_template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreman]:
    with running_foreman(_template, tmp_path_factory.mktemp("foreman")) as foreman:
        yield foreman


@pytest.fixture(scope="session")
def _exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("market"), "-v", "2") as process:
        yield process


@pytest.fixture
def exchange(_exchange: ExchangeProcess) -> Iterator[ExchangeProcess]:
    """An Exchange with every extension, which behaves well at the beginning of each test."""
    yield _exchange
    _exchange.behave()


@pytest.fixture
def core(exchange: ExchangeProcess) -> ExchangeProcess:
    """The same with the contract's core alone, until it is asked for what it has counted."""
    exchange.control(core_only=True)
    return exchange


@pytest.fixture
def database(_template: Database, tmp_path: Path) -> Iterator[Database]:
    """One of the test's own, with empty tables."""
    with copy_of(_template, tmp_path) as database:
        yield database


# its assertions shall tell what they found, too
pytest.register_assert_rewrite("tests.faults.rounds")

Join = Callable[[ExchangeProcess], Trader]


@pytest.fixture
def join(tmp_path: Path, database: Database, _foreman: Foreman) -> Join:
    """Open a site on the test's database at an Exchange, and join: ``join(exchange)``."""

    def joined(exchange: ExchangeProcess) -> Trader:
        # the Exchange is shared by the tests: another address is another account there
        name = uuid.uuid4().hex
        folder = tmp_path / name
        folder.mkdir()
        site = Site(database, folder, exchange.base_url, f"{name}@trader.example", _foreman)
        return Trader(site, **site.document("join"))

    return joined


@pytest.fixture
def trader(join: Join, exchange: ExchangeProcess) -> Trader:
    """The usual: one site at the Exchange that has every extension."""
    return join(exchange)


@pytest.fixture
def core_trader(join: Join, core: ExchangeProcess) -> Trader:
    """One site at the Exchange that has the core alone."""
    return join(core)


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """When to kill. What it began with is printed where the test fails: set it here to see the same again."""
    seed = random.randrange(2**32)  # noqa: S311
    print(f"{request.node.name}: random.Random({seed})")
    return random.Random(seed)  # noqa: S311
