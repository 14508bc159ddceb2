"""What a person types is there, and what it starts exists."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorn.config import Config

from tests.procfile import processes

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("target", ["run", "test", "test-long", "lint", "e2e", "bench", "soak"])
def test_make_knows_the_target(target: str) -> None:
    ended = subprocess.run(
        ["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "python" in ended.stdout


def test_the_web_process_is_a_server_that_exists() -> None:
    server, application, *options = processes()["web"]
    assert server == "gunicorn"
    assert callable(importlib.import_module(application).application)
    parsed = vars(Config().parser().parse_args(options))
    module = parsed["config"].removeprefix("python:")
    assert importlib.import_module(module).bind == "127.0.0.1:8000"


def test_every_other_process_is_a_command_that_exists() -> None:
    commands = processes()
    assert set(commands) >= {"web", "exchange", "catalogue", "delivery"}
    for name, words in commands.items():
        if name == "web":
            continue
        assert words[:2] == ["python", "manage.py"]
        assert list(REPOSITORY.glob(f"*/management/commands/{words[2]}.py")), words


def test_the_secret_of_a_checkout_is_for_its_owner_alone(tmp_path: Path) -> None:
    command = ["make", "-f", str(REPOSITORY / "Makefile"), ".env", f"PYTHON={sys.executable}"]
    before = os.umask(0o022)
    try:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    finally:
        os.umask(before)
    made = tmp_path / ".env"
    assert "SECRET_KEY=" in made.read_text()
    assert made.stat().st_mode & 0o777 == 0o600
