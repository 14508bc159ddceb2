"""The command, from start to stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.tests.caller import Caller
from sandbox.tests.chain_reader import verify_chain
from tests.exchange_process import REPOSITORY, exchange_environment, running_exchange


def run(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "runexchange", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
        env=exchange_environment(tmp_path, env),
    )


def one_sentence(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_cleanly(tmp_path: Path, stop: signal.Signals) -> None:
    with running_exchange(tmp_path) as exchange, Caller(exchange.base_url) as caller:
        assert caller.get("/services").json() == {"services": []}
        os.kill(exchange.pid, stop)
        exit_code = exchange.process.wait(30)

    assert exit_code == 0
    assert exchange.output.read_text().splitlines() == [
        f"Sandbox Exchange on {exchange.base_url}",
        "0 providers, 0 services (--seed adds an example market)",
        f"Behaving well (change that at {exchange.base_url}/_control/faults)",
        "Ctrl-C stops it.",
    ]


def test_it_stops_soon_while_an_answer_is_awaited(tmp_path: Path) -> None:
    with running_exchange(tmp_path, "--latency-ms", "600000") as exchange:
        address = re.fullmatch(r"http://(.+):(\d+)", exchange.base_url)
        with socket.create_connection((address[1], int(address[2]))) as connection:
            connection.sendall(b"GET /providers HTTP/1.1\r\nHost: exchange\r\n\r\n")
            time.sleep(0.5)
            began = time.monotonic()
            assert exchange.stop() == 0
            assert time.monotonic() - began < 15


def test_a_restart_keeps_the_books(tmp_path: Path) -> None:
    with running_exchange(tmp_path) as exchange, Caller(exchange.base_url) as caller:
        user_id, service_id = caller.trader()
        caller.report(user_id, service_id, key="k", memo="before")
        before = caller.statement(user_id)
    with running_exchange(tmp_path) as exchange, Caller(exchange.base_url) as caller:
        assert caller.statement(user_id) == before
        assert caller.report(user_id, service_id, key="k", memo="before").json() == {"entry": before[0]}
        caller.report(user_id, service_id)
        assert verify_chain(caller.statement(user_id)) == caller.summary(user_id)["ledger_hash"]


def test_a_seeded_market_is_believable_and_seeding_twice_changes_nothing(tmp_path: Path) -> None:
    with running_exchange(tmp_path, "--seed") as exchange, Caller(exchange.base_url) as caller:
        providers = caller.get("/providers").json()["providers"]
        services = caller.get("/services").json()["services"]
        assert caller.post("/services", {**services[0], "price_per_1k_tokens": 0.9}).status_code == 200
        changed = caller.get("/services").json()["services"]
        assert caller.send("POST", "/_control/seed", "").json() == {
            "status": "ok",
            "providers": 12,
            "services": 60,
        }
        assert "12 providers, 60 services\n" in exchange.output.read_text()
    with running_exchange(tmp_path, "--seed") as exchange, Caller(exchange.base_url) as caller:
        assert caller.get("/providers").json()["providers"] == providers
        assert caller.get("/services").json()["services"] == changed

    families = {service["model_family"] for service in services}
    assert len(providers) == len({provider["display_name"] for provider in providers}) == 12
    assert len(services) == len({(service["provider_id"], service["name"]) for service in services}) == 60
    assert families >= {
        "gpt-4o",
        "claude-sonnet-4",
        "gemini-2.5-pro",
        "llama-3.3-70b",
        "deepseek-r1",
        "mistral-large",
    }
    assert all(0.0001 <= service["price_per_1k_tokens"] <= 0.05 for service in services)
    assert (
        len({service["price_per_1k_tokens"] for service in services if service["model_family"] == "gpt-4o"})
        == 3
    )
    assert {service["trial_tokens"] > 0 for service in services} == {True, False}


def test_options_set_the_misbehaviour_and_a_restart_without_them_ends_it(tmp_path: Path) -> None:
    options = {
        "latency_ms": 5,
        "error_share": 0.1,
        "error_status": 502,
        "drop_before_share": 0.1,
        "drop_after_share": 0.1,
        "malformed_share": 0.1,
        "rate_limit_share": 0.1,
        "retry_after_s": 3,
    }
    arguments = [
        text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))
    ]
    with running_exchange(tmp_path, *arguments, "--core-only") as exchange:
        assert exchange.control() == {**options, "core_only": True, "next": []}
        assert "Misbehaving: latency_ms 5; error_share 0.1; error_status 502;" in exchange.output.read_text()
    with running_exchange(tmp_path) as exchange:
        assert exchange.control()["core_only"] is False
        assert "Behaving well" in exchange.output.read_text()


def test_a_port_in_use_ends_it_at_once_with_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run(tmp_path, address)

    assert ended.returncode == 1
    assert one_sentence(ended).startswith(
        f"CommandError: Cannot listen on {address} (Address already in use). Is "
    )


@pytest.mark.parametrize(
    "address", ["nowhere", "127.0.0.1:", "127.0.0.1:65536", ":8080", "::1:8080", "a..b:1", ""]
)
def test_what_is_no_address_is_wrong_usage(tmp_path: Path, address: str) -> None:
    ended = run(tmp_path, address)

    assert ended.returncode == 2
    assert f"{address!r} is no address; give one like 127.0.0.1:8080" in ended.stderr


@pytest.mark.parametrize(
    "options", [["--error-share", "2"], ["--error-status", "200"], ["--threads", "0"], ["--what"]]
)
def test_what_is_no_option_is_wrong_usage(tmp_path: Path, options: list[str]) -> None:
    assert run(tmp_path, *options).returncode == 2


def test_a_host_that_is_not_known_ends_it_with_one_sentence(tmp_path: Path) -> None:
    ended = run(tmp_path, "no-such-host.invalid:8080")

    assert ended.returncode == 1
    assert one_sentence(ended).startswith("CommandError: Cannot listen on no-such-host.invalid:8080 (")


def test_a_database_that_cannot_be_used_ends_it_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.sqlite3").mkdir()
    ended = run(tmp_path, "127.0.0.1:0", SANDBOX_DATABASE_URL=f"sqlite:///{tmp_path}/folder.sqlite3")

    assert ended.returncode == 1
    assert "SANDBOX_DATABASE_URL" in one_sentence(ended)


def test_it_is_refused_in_live(tmp_path: Path) -> None:
    ended = run(tmp_path, "127.0.0.1:0", TOKLIGENCE_ENVIRONMENT="live")

    assert ended.returncode == 1
    assert "sandbox.E001" in ended.stderr
    assert not (tmp_path / "sandbox.sqlite3").exists()


@pytest.mark.parametrize("environment", ["test", "live"])
def test_it_is_a_wsgi_app_for_gunicorn_and_refused_in_live(tmp_path: Path, environment: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "sandbox.wsgi:application", "--check-config"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
        env=exchange_environment(tmp_path, {"TOKLIGENCE_ENVIRONMENT": environment}),
    )

    assert ended.returncode == (1 if environment == "live" else 0), ended.stderr
    assert ("sandbox.E001" in ended.stderr) == (environment == "live")


def test_its_migrations_are_complete(tmp_path: Path) -> None:
    environ = exchange_environment(tmp_path, {"DJANGO_SETTINGS_MODULE": "gateway_site.sandbox_settings"})
    checked = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=environ,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
