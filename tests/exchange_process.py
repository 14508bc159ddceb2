"""A sandbox Exchange in a process of its own, for tests that want real HTTP.

with running_exchange(tmp_path, "--seed") as exchange:
    requests.get(f"{exchange.base_url}/services")
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
START_LIMIT = 60  # seconds; a noisy machine with several of them starting takes ten
STOP_LIMIT = 30

# Past the proxy that the environment may name.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class ExchangeProcess:
    """A running Exchange; `output` is the file that gets what it prints, on either stream."""

    base_url: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def control(self, **faults: Any) -> dict[str, Any]:
        """Put these faults in force and leave the others; the answer is all that is in force now."""
        return self._call("PATCH", "/_control/faults", faults)

    def behave(self) -> dict[str, Any]:
        """Take every fault away."""
        return self._call("DELETE", "/_control/faults")

    def stop(self) -> int:
        """End it by SIGTERM, if it has not ended; the answer is its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def _call(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.base_url + path, data=body, method=method)  # noqa: S310  our own URL
        with _opener.open(request, timeout=30) as answer:
            answered: dict[str, Any] = json.load(answer)
        return answered


def exchange_environment(tmp_path: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of an Exchange with its books in `tmp_path`, free of what is configured here."""
    ours = ("TOKLIGENCE_", "SANDBOX_DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited,
        "TOKLIGENCE_ENVIRONMENT": "test",
        "SANDBOX_DATABASE_URL": f"sqlite:///{tmp_path / 'sandbox.sqlite3'}",
        **(env or {}),
    }


@contextmanager
def running_exchange(
    tmp_path: Path, *options: str, env: Mapping[str, str] | None = None, address: str = "127.0.0.1:0"
) -> Iterator[ExchangeProcess]:
    """Start `manage.py runexchange` with `options` on a free port, wait until it answers, end it at the exit.

    Started again in the same `tmp_path` it has the same books. Raises AssertionError, with what it printed,
    where it does not start.
    """
    output = tmp_path / "exchange.log"
    command = [sys.executable, "-u", "manage.py", "runexchange", address, *options]
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=exchange_environment(tmp_path, env),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    exchange = ExchangeProcess("", process, output)
    try:
        exchange = ExchangeProcess(_wait_for_url(process, output), process, output)
        # It listens from before it says so: this waits in the queue until the first worker serves.
        exchange._call("GET", "/_control/health")
        yield exchange
    finally:
        exchange.stop()


def _wait_for_url(process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        printed = output.read_text()
        if found := re.search(r"^Sandbox Exchange on (http://\S+)$", printed, re.MULTILINE):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(
        f"The sandbox Exchange did not start (exit code {process.poll()}):\n{output.read_text()}"
    )
