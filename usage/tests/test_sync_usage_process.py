"""The worker as a process of its own, as the Procfile starts it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.alone

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 60


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A site with a database of its own, whose Exchange is not there."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    variables = kept | {
        "TOKLIGENCE_ENVIRONMENT": "test",
        "TOKLIGENCE_BASE_URL": "http://127.0.0.1:1",
        "TOKLIGENCE_HEAD_LOG": str(tmp_path / "heads.jsonl"),
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.sqlite3'}",
        "PYTHONUNBUFFERED": "1",
    }
    manage(variables, "migrate", "--verbosity", "0")
    return variables


def manage(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def wait_until_seen(database: Path, process: subprocess.Popen[str]) -> None:
    ends_at = time.monotonic() + LIMIT
    while time.monotonic() < ends_at and process.poll() is None:
        with closing(sqlite3.connect(database)) as connection:
            if connection.execute("SELECT worker_seen_at FROM usage_deliveryqueue").fetchone():
                return
        time.sleep(0.05)
    raise AssertionError(f"The worker has not begun (exit code {process.poll()}).")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_it_is_told_and_says_goodbye_with_0(
    number: signal.Signals, environment: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "sync_usage", "--watch"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until_seen(tmp_path / "gateway.sqlite3", process)
            process.send_signal(number)
            printed, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
    assert (process.returncode, printed) == (0, "")
    assert "Traceback" not in errors


def test_nothing_to_deliver_is_done_without_an_exchange(environment: dict[str, str]) -> None:
    assert manage(environment, "sync_usage").stdout == "Nothing was due. Nothing waits.\n"
