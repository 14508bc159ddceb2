"""A site as these tests see it: a database, an Exchange, and processes that can be killed at any instant."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.faults.databases import Database
from tests.site_process import REPOSITORY, site_environment

PATIENCE = 600
"""Seconds within which every job ends, or something is stuck."""


@dataclass(frozen=True, slots=True)
class Job:
    """A process at work, and what it has printed so far."""

    pid: int
    output: Path
    foreman: Foreman

    def kill(self) -> None:
        """SIGKILL: nothing of it runs after this."""
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it may finish what it has begun."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal that killed it."""
        return int(self.foreman.ask(wait=self.pid)["code"])

    def lines(self) -> list[list[str]]:
        """The words of each whole line; a kill may have cut off the last one."""
        text = self.output.read_text() if self.output.exists() else ""
        return [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_until_it_speaks(self) -> None:
        """It has begun: connected to the database, and about to do what it is for."""
        give_up = time.monotonic() + PATIENCE
        while not self.lines():
            assert time.monotonic() < give_up, self.errors()
            time.sleep(0.001)

    def errors(self) -> str:
        """What it printed on stderr."""
        path = Path(f"{self.output}.err")
        return path.read_text() if path.exists() else ""


class Foreman:
    """The other end of ``tests.faults.foreman``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._hear()

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order, and hear the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if ready else b""
        assert line, f"no answer from the foreman within {PATIENCE} seconds"
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True)
class Site:
    """One database at one Exchange, and one person; every process of the site shares them."""

    database: Database
    folder: Path
    base_url: str
    email: str
    foreman: Foreman
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def head_log(self) -> Path:
        """Beside the database, like which it stays while base_url changes."""
        return self.folder.parent / "heads.jsonl"

    def start(self, job: str, /, **words: Any) -> Job:
        """Let a new process do this job of ``jobs.py``."""
        output = self.folder / f"{next(self.numbers)}-{job}.out"
        site = {
            "database": self.database.name,
            "base_url": self.base_url,
            "email": self.email,
            "head_log": str(self.head_log),
        }
        pid = self.foreman.ask(job=job, site=site, words=words, output=str(output))["pid"]
        return Job(pid, output, self.foreman)

    def run(self, job: str, /, **words: Any) -> Job:
        """The same, and wait until it has done it. Raises AssertionError, with its words, where it failed."""
        done = self.start(job, **words)
        code = done.wait()
        assert code == 0, f"{job} ended with {code}: {done.errors()}"
        return done

    def document(self, job: str, /, **words: Any) -> Any:
        """The one JSON document that the job prints."""
        return json.loads(self.run(job, **words).output.read_text())

    def manage(self, *words: str) -> subprocess.Popen[bytes]:
        """Start ``manage.py`` itself with these words."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=REPOSITORY,
            env=site_environment(
                self.folder,
                self.base_url,
                {
                    "DATABASE_URL": self.database.url,
                    "TOKLIGENCE_EMAIL": self.email,
                    "TOKLIGENCE_HEAD_LOG": str(self.head_log),
                },
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@dataclass(frozen=True)
class Trader:
    """A site whose account has joined its Exchange and published a service there."""

    site: Site
    user_id: int
    service_id: int


@contextmanager
def running_foreman(database: Database, folder: Path) -> Iterator[Foreman]:
    """A foreman for sites on databases of this one's kind."""
    environment = site_environment(
        folder,
        "http://127.0.0.1:1",
        {
            "DATABASE_URL": database.url,
            "TOKLIGENCE_DISPLAY_NAME": "Ada Inference",
            "TOKLIGENCE_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "gateway_site.settings",
        },
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.foreman"],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:  # at the exit its stdin is closed, by which it ends
        yield Foreman(process)


def migrate(database: Database, folder: Path) -> None:
    """Make the tables."""
    environment = site_environment(folder, "http://127.0.0.1:1", {"DATABASE_URL": database.url})
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=REPOSITORY,
        env=environment,
        check=True,
    )
