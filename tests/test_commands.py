"""The commands as processes: exit codes, what goes to which stream, and how long they wait."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.exchange_process import ExchangeProcess
from tests.ports import free_port
from tests.site_process import REPOSITORY, site_environment

Ended = subprocess.CompletedProcess[str]
Manage = Callable[..., Ended]
HOW_TO_MEND_IT = (
    "Start a sandbox Exchange (python manage.py runexchange), or point base_url (TOKLIGENCE_BASE_URL) "
    "to an Exchange that runs."
)

REPORT = ("record_usage", "--service-id", "1", "--prompt-tokens", "1200", "--completion-tokens", "300")


def run(folder: Path, exchange_url: str, *words: str, **env: str) -> Ended:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=REPOSITORY,
        env=site_environment(folder, exchange_url, env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    ended = run(folder, "http://127.0.0.1:1", "migrate", "--verbosity", "0")
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def folder(tmp_path: Path, _migrated: Path) -> Path:
    """A site's folder, its database ready and empty."""
    shutil.copytree(_migrated, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def manage(folder: Path, sandbox: ExchangeProcess) -> Manage:
    """Run a command for an account that nobody else has."""
    email = f"{uuid.uuid4().hex}@trader.example"

    def call(*words: str, **env: str) -> Ended:
        return run(folder, sandbox.base_url, *words, **{"TOKLIGENCE_EMAIL": email, **env})

    return call


def document(ended: Ended) -> Any:
    """The one document on stdout: one line, and nothing else."""
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("\n") == 1
    return json.loads(ended.stdout, parse_float=Decimal)


def sentences(ended: Ended, exit_code: int = 1) -> list[str]:
    """What a command that failed says to people: stderr without its log lines."""
    assert ended.returncode == exit_code, ended
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return [line for line in ended.stderr.splitlines() if "[gateway/" not in line]


def test_the_documents_are_as_pinned(manage: Manage) -> None:
    provider = {
        "TOKLIGENCE_ENABLE_PROVIDER": "true",
        "TOKLIGENCE_PUBLISH_NAME": "acme-llama",
        "TOKLIGENCE_MODEL_FAMILY": "llama",
        "TOKLIGENCE_PRICE_PER_1K": "0.0007",
        "TOKLIGENCE_LOG_LEVEL": "info",
    }
    ended = manage("bootstrap", "--json", **provider)
    made = document(ended)
    assert list(made) == ["user", "provider", "service", "summary"]
    assert set(made["user"]) == {"id", "email", "roles", "free_tokens"}
    assert set(made["provider"]) == {"id", "user_id", "display_name", "description"}
    assert '"price_per_1k_tokens":0.0007,' in ended.stdout
    # every log line is on the other stream
    assert "[gateway/http] http_request method=POST" in ended.stderr

    entry_id = str(uuid.uuid4())
    service = str(made["service"]["id"])
    words = ["--service-id", service, "--prompt-tokens", "1200", "--completion-tokens", "300"]
    recorded = document(manage("record_usage", *words, "--entry-id", entry_id, "--json"))
    head_hash = recorded.pop("hash")
    assert recorded == {"entry_id": entry_id, "seq": 1, "delivery": "delivered"}
    assert len(head_hash) == 64

    summary = document(manage("usage_summary", "--json"))
    ledger_hash = summary["exchange"].pop("ledger_hash")
    assert len(ledger_hash) == 64
    figures = {"consumed_tokens": 1500, "supplied_tokens": 0, "net_tokens": -1500, "entry_count": 1}
    assert summary == {**figures, "head_hash": head_hash, "exchange": figures}
    assert manage("usage_summary").stdout == (
        "            Ours  Exchange  Difference\n"
        "Consumed   1,500     1,500           0\n"
        "Supplied       0         0           0\n"
        "Net       −1,500    −1,500           0\n"
        "Both books agree.\n"
    )


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_refusal_is_exit_1_with_each_rule_on_stderr_and_in_the_log(
    manage: Manage, folder: Path, log_format: str
) -> None:
    log = folder / "gateway.log"
    logged = {"TOKLIGENCE_LOG_FILE": str(log), "TOKLIGENCE_LOG_FORMAT": log_format}
    assert manage("bootstrap", TOKLIGENCE_ENABLE_PROVIDER="true").returncode == 0
    ended = manage(
        "publish_service",
        *["--name", "leaked weights", "--model-family", "llama", "--price-per-1k", "5", "--json"],
        **logged,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-3:] == [
        "CommandError: The Exchange refused this by its rules.",
        "  PRICE_CEILING: 5 USD per 1,000 tokens is above the ceiling of 1 USD.",
        '  FORBIDDEN_WORD: A service name may not contain the word "leaked".',
    ]
    lines = log.read_text().splitlines()
    assert len(lines) == 1
    if log_format == "json":
        line = json.loads(lines[0])
        assert (line["event"], line["component"]) == ("http_error", "gateway/http")
        assert (line["status"], line["rules"]) == (400, "PRICE_CEILING,FORBIDDEN_WORD")
    else:
        assert " warning [gateway/http] http_error method=POST url=" in lines[0]
        assert " status=400 " in lines[0]
        assert " rules=PRICE_CEILING,FORBIDDEN_WORD" in lines[0]
    assert lines[0] in ended.stderr


def test_an_exchange_that_is_not_running_is_said_within_five_seconds(folder: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    assert run(folder, url, "bootstrap", "--help").returncode == 0
    start = time.monotonic() - began
    began = time.monotonic()
    ended = run(folder, url, "bootstrap", "--json")
    took = time.monotonic() - began - start  # how long a process takes to start is the machine's affair
    assert sentences(ended) == [
        f"CommandError: The Exchange cannot be reached at {url} (connection refused). {HOW_TO_MEND_IT}"
    ]
    assert took < 5


def test_an_exchange_that_says_nothing_is_given_up(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        ended = run(folder, url, "list_services")
        took = time.monotonic() - began
    [said] = sentences(ended)
    assert said.startswith(f"CommandError: The Exchange at {url} ")
    assert 3.5 < took < 10


@pytest.mark.parametrize("words", [["bootstrap"], ["choose_provider"], [*REPORT]], ids=lambda words: words[0])
def test_a_database_without_tables_is_one_sentence(
    tmp_path: Path, sandbox: ExchangeProcess, words: list[str]
) -> None:
    [said] = sentences(run(tmp_path, sandbox.base_url, *words, "--json"))
    assert said.startswith("CommandError: The database cannot be used (no such table")
    assert "python manage.py migrate" in said


def test_without_an_email_it_is_said_where_to_set_it(folder: Path, sandbox: ExchangeProcess) -> None:
    live = {
        "TOKLIGENCE_ENVIRONMENT": "live",
        "ALLOWED_HOSTS": "gateway.example",
        "EMAIL_URL": "smtp://127.0.0.1:25",
    }
    ended = run(folder, sandbox.base_url, "usage_summary", "--json", **live)
    assert sentences(ended)[-1].startswith("CommandError: email is not set")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([*REPORT, "--prompt-tokens", "-1"], "argument --prompt-tokens: must be a whole number from 0"),
        ([*REPORT, "--completion-tokens", str(10**30)], "argument --completion-tokens: must be"),
        (["record_usage", "--service-id", "1"], "--prompt-tokens, --completion-tokens"),
        (
            ["publish_service", "--name", "a", "--model-family", "b", "--price-per-1k", "1e999"],
            "--price-per-1k:",
        ),
    ],
)
def test_wrong_usage_is_exit_2_and_names_the_option(folder: Path, words: list[str], named: str) -> None:
    # nobody is asked, so that there is no Exchange does not matter
    assert named in "\n".join(sentences(run(folder, "http://127.0.0.1:1", *words), 2))
