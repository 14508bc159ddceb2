"""What crosses the apps: real Exchanges over real HTTP, shared by the session's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange_process import ExchangeProcess, running_exchange
from tests.site_process import SiteProcess, running_site


@pytest.fixture(scope="session")
def _seeded_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("sandbox"), "--seed") as process:
        yield process


@pytest.fixture(scope="session")
def _core_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("core"), "--core-only") as process:
        yield process


@pytest.fixture
def sandbox(_seeded_process: ExchangeProcess) -> Iterator[ExchangeProcess]:
    """An Exchange with a market and every extension; it behaves well at the beginning of each test."""
    yield _seeded_process
    _seeded_process.behave()


@pytest.fixture
def core(_core_process: ExchangeProcess) -> Iterator[ExchangeProcess]:
    """An Exchange that has nothing but the contract's core, and an empty market."""
    yield _core_process
    _core_process.control(next=[])


@pytest.fixture(params=["sandbox", "core"])
def either(request: pytest.FixtureRequest) -> ExchangeProcess:
    """Each of the two."""
    process: ExchangeProcess = request.getfixturevalue(request.param)
    return process


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site, and an Exchange for it alone, whose API may be asked as often as one likes."""
    folder = tmp_path_factory.mktemp("site")
    env = {"TOKLIGENCE_API_RATE": "0", "TOKLIGENCE_LOG_LEVEL": "WARNING"}
    with (
        running_exchange(folder, "--seed") as exchange,
        running_site(folder, exchange.base_url, env) as process,
    ):
        yield process
