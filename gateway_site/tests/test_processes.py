from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateway_site import processes
from gateway_site.config import ConfigError
from gateway_site.tests.project import Project, stderr_line


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _exchange_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "EXCHANGE", free_address())


def plan(web: str, *, default_exchange: bool = True) -> tuple[list[str], str]:
    started, told = processes.plan(web, default_exchange=default_exchange, base_url="http://exchange.example")
    return started, "\n".join(told)


def test_it_starts_the_site_and_the_sandbox() -> None:
    web = free_address()
    started, told = plan(web)
    assert started == ["web", "catalogue", "delivery", "exchange"]
    assert f"http://{web}" in told
    assert "Sandbox Exchange     http://exchange.example" in told


def test_it_starts_no_sandbox_beside_an_exchange_of_ones_own() -> None:
    started, told = plan(free_address(), default_exchange=False)
    assert started == ["web", "catalogue", "delivery"]
    assert "your base_url" in told


def test_it_starts_no_second_exchange_at_the_same_address(
    taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "EXCHANGE", taken)
    started, told = plan(free_address())
    assert started == ["web", "catalogue", "delivery"]
    assert "something listens there already" in told


def test_it_says_what_to_do_when_its_own_address_is_in_use(taken: str) -> None:
    with pytest.raises(ConfigError, match=f"{taken} is in use"):
        plan(taken)


@pytest.mark.parametrize("web", ["8001", "localhost", "localhost:", ":8001", "127.0.0.1:99999", "a:b"])
def test_it_refuses_an_address_that_is_none(web: str) -> None:
    with pytest.raises(ConfigError, match="must be host:port"):
        plan(web)


@pytest.mark.parametrize(
    ("variables", "dotenv"),
    [({"TOKLIGENCE_PRICE_PER_1K": "free"}, ""), ({}, "SECRET_KEY = abc"), ({"WEB_ADDRESS": "x"}, "")],
)
def test_what_is_configured_wrongly_is_one_line(
    variables: dict[str, str], dotenv: str, project: Project
) -> None:
    project.write(".env", dotenv)
    ended = project.python("from gateway_site.processes import main; main()", **variables)
    assert ended.returncode == 1
    stderr_line(ended)
