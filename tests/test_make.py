"""What a person types is there, and what it starts exists."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from gunicorn.config import Config

REPOSITORY = Path(__file__).resolve().parent.parent


def procfile() -> dict[str, list[str]]:
    lines = (REPOSITORY / "Procfile").read_text().splitlines()
    processes = (line.split(":", 1) for line in lines if line.strip() and not line.startswith("#"))
    # ${NAME:-value} is what honcho's shell makes of it: the value, unless set
    return {name: shlex.split(re.sub(r"\$\{\w+:-(.*?)\}", r"\1", words)) for name, words in processes}


@pytest.mark.parametrize("target", ["run", "test", "test-long", "lint", "e2e", "bench"])
def test_make_knows_the_target(target: str) -> None:
    ended = subprocess.run(
        ["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "python" in ended.stdout


def test_the_web_process_is_a_server_that_exists() -> None:
    server, application, *options = procfile()["web"]
    assert server == "gunicorn"
    assert callable(importlib.import_module(application).application)
    parsed = vars(Config().parser().parse_args(options))
    assert parsed["bind"] == ["127.0.0.1:8000"]


def test_every_other_process_is_a_command_that_exists() -> None:
    processes = procfile()
    assert set(processes) >= {"web", "exchange"}
    for name, words in processes.items():
        if name == "web":
            continue
        assert words[:2] == ["python", "manage.py"]
        assert list(REPOSITORY.glob(f"*/management/commands/{words[2]}.py")), words
