"""A copy of the project with a configuration of its own, for tests that want a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LINKED = ("accounts", "catalog", "usage", "exchange", "templates", "static")
KEY = "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
TIME_LIMIT = 60


@dataclass(frozen=True)
class Project:
    """A project folder; its processes inherit nothing that configures the gateway here."""

    root: Path

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the project, its folder too."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def environ(self, **variables: str) -> dict[str, str]:
        """The environment of a process: how to run Python, and these variables."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | variables

    def manage(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run manage.py with these words and no variables but these."""
        return self._run(["manage.py", *words], variables)

    def python(self, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run this code in the project's folder, with no variables but these."""
        return self._run(["-c", code], variables)

    def _run(self, words: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=self.environ(**variables),
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )


def copy_project(root: Path) -> Project:
    """A project in this folder: its own gateway_site, config and manage.py, the other rooms by a link."""
    without = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(REPOSITORY / "gateway_site", root / "gateway_site", ignore=without)
    shutil.copytree(REPOSITORY / "config", root / "config")
    shutil.copy(REPOSITORY / "manage.py", root)
    for room in LINKED:
        (root / room).symlink_to(REPOSITORY / room)
    return Project(root)


def stderr_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused start leaves on stderr."""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    return lines[0]
