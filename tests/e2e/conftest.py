"""A real browser, a real site, a real Exchange, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import FLAGS, find_browser
from tests.exchange_process import ExchangeProcess, running_exchange
from tests.site_process import SiteProcess, running_site

ARTEFACTS = Path(__file__).resolve().parent.parent.parent / "artefacts"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("e2e")
            if find_browser() is None:
                item.add_marker(
                    pytest.mark.skip(reason="NOT RUN: there is no Chromium here (set BROWSER_PATH)")
                )


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": find_browser(), "args": FLAGS}


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("exchange"), "--seed") as process:
        yield process


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, exchange: ExchangeProcess) -> Iterator[SiteProcess]:
    with running_site(tmp_path_factory.mktemp("site"), exchange.base_url) as process:
        yield process


@pytest.fixture
def artefacts() -> Path:
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS
