"""The site's web server, whose workers can be killed, and clients that record through it all the while."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from tests.faults.clients import Crowd, new_entry
from tests.faults.site import PATIENCE, Trader
from tests.ports import free_address
from tests.procfile import processes
from tests.site_process import REPOSITORY, site_environment


@dataclass(frozen=True, slots=True)
class WebServer:
    """gunicorn as the Procfile starts it; its master starts another worker for each that dies."""

    master: int
    address: str

    def workers(self) -> list[int]:
        """The process ids of those that there are now."""
        words = ["pgrep", "-P", str(self.master)]
        found = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def kill(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)


@contextmanager
def running_web(trader: Trader) -> Iterator[WebServer]:
    """The trader's site behind gunicorn, without a limit of requests."""
    address = free_address()
    server, *words = processes({"WEB_ADDRESS": address})["web"]
    site = trader.site
    environment = site_environment(
        site.folder,
        site.base_url,
        {
            "DATABASE_URL": site.database.url,
            "TOKLIGENCE_EMAIL": site.email,
            "TOKLIGENCE_API_RATE": "0",
        },
    )
    log = site.folder / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", server, *words],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(address, process)
        yield WebServer(process.pid, address)
        assert process.poll() is None, log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < give_up:
        try:
            connection = HTTPConnection(address, timeout=60)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            connection.close()
        except (OSError, HTTPException):
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the site did not start")


@dataclass
class Clients(Crowd):
    """Programs that record one entry after the other, each over a connection of its own.

    What was not answered is sent again, under its id, until it is. ``statuses`` counts the answers to what
    was sent for the first time and to what was sent again; ``wrong`` is what no client may ever hear.
    """

    address: str
    secret: str
    service_id: int
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def complaints(self) -> object:
        return self.wrong

    def _work(self, _place: int) -> None:
        connection = HTTPConnection(self.address, timeout=PATIENCE)
        while not self.stopping.is_set():
            body = new_entry(self.service_id)
            which = "first"
            while not self._send(connection, body, which):
                which = "again"
        connection.close()

    def _send(self, connection: HTTPConnection, body: dict[str, object], which: str) -> bool:
        """Send it; whether an answer came."""
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/api/v1/usage", json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, HTTPException):
            connection.close()
            with self.lock:
                self.lost += 1
            time.sleep(0.01)
            return False
        with self.lock:
            self._take_down(str(body["entry_id"]), which, response.status, text)
        return True

    def _take_down(self, entry_id: str, which: str, status: int, text: bytes) -> None:
        self.statuses[which, status] += 1
        if status not in ((201,) if which == "first" else (200, 201)):
            self.wrong.append(f"{which} {entry_id}: {status} {text[:300]!r}")
            return
        (result,) = json.loads(text)["results"]
        self.promises.tried.add(entry_id)
        if result["entry_id"] != entry_id or entry_id in self.promises.answered:
            self.wrong.append(f"{which} {entry_id}: {result}")
        self.promises.answered[entry_id] = (result["seq"], result["hash"])
