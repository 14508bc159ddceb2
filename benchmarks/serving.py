"""The site, and the bare view beside it: each under the gunicorn that the Procfile starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.databases import NOWHERE, REPOSITORY, Place
from tests.ports import free_address
from tests.procfile import processes
from tests.site_process import collect_static_files, site_environment

START_LIMIT = 60
QUIET = 0.3
"""Seconds without any work after which a server is at rest."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A gunicorn that runs: where it is asked, and its process."""

    address: str
    pid: int

    def workers(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def processor_seconds(self) -> float:
        """What its workers have used so far. What the database's own processes use is no part of it."""
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in self.workers()) / TICKS

    def rest(self) -> None:
        """Wait until it has nothing left to do."""
        used, give_up = -1.0, time.monotonic() + START_LIMIT
        while used != (now := self.processor_seconds()) and time.monotonic() < give_up:
            used = now
            time.sleep(QUIET)

    def worker_megabytes(self) -> float:
        """The resident memory of its largest worker."""
        return max(int(_stat(pid)[21]) for pid in self.workers()) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third, the state, on: what is before may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def serving(folder: Path, application: str, environment: dict[str, str]) -> Iterator[Server]:
    """The application under the Procfile's gunicorn."""
    address = free_address()
    server, site, *words = processes({"WEB_ADDRESS": address})["web"]
    assert site == "gateway_site.wsgi"
    log = folder / f"{application}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", server, application, *words],
            cwd=REPOSITORY,
            env=environment | {"WEB_ADDRESS": address},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(address, process, log)
        yield Server(address, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_LIMIT
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://{address}/healthz", timeout=5).close()
        except urllib.error.HTTPError:
            return  # there is no such page, but it answers
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"It did not start:\n{log.read_text()}")


@contextmanager
def site_on(place: Place, database: str) -> Iterator[Server]:
    """The site on this database, as a deployment has it: a log line for each entry, no limit of requests."""
    folder = place.folder
    environment = {
        **site_environment(folder, NOWHERE, {"DATABASE_URL": place.url(database)}),
        "TOKLIGENCE_API_RATE": "0",
        "TOKLIGENCE_LOG_LEVEL": "info",
    }
    collect_static_files(environment)
    with serving(folder, "gateway_site.wsgi", environment) as server:
        yield server


@contextmanager
def bare_view_on(place: Place, connection: dict[str, object]) -> Iterator[Server]:
    """The bare view on a new database, whose connections are set like this one (``settings.DATABASES``)."""
    told = json.dumps(connection | {"NAME": place.new()})
    environment = {**site_environment(place.folder, NOWHERE), "BARE_DATABASE": told}
    subprocess.run(
        [sys.executable, "-c", "from benchmarks import bare_site; bare_site.make_table()"],
        cwd=REPOSITORY,
        env=environment,
        check=True,
    )
    with serving(place.folder, "benchmarks.bare_site", environment) as server:
        yield server
