"""Two releases of the program over one database, and clients that a load balancer leads to what is ready.

A release is a copy of the tree in a folder of its own. The next one has one more column and one more index,
made by migrations as docs/deploy.md asks for them.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from uuid import uuid4

from tests.faults.clients import Crowd, new_entry
from tests.faults.site import PATIENCE, Trader
from tests.procfile import processes
from tests.site_process import REPOSITORY, site_environment

NOT_OURS = {".git", ".venv", ".venv-litellm", "var", "staticfiles", "node_modules", "__pycache__"}

COLUMN = """
from django.db import migrations, models

from usage.migrating import KeepTriggers


class Migration(migrations.Migration):
    dependencies = [("usage", "{before}")]
    operations = [
        migrations.AddField("ledgerentry", "grade", models.BigIntegerField(default=7, db_default=7)),
        KeepTriggers(),
    ]
"""
INDEX = """
from django.db import migrations, models

from usage.migrating import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("usage", "{before}")]
    operations = [
        AddIndexConcurrently(
            "ledgerentry", models.Index(fields=["account", "grade"], name="usage_entry_by_grade")
        ),
    ]
"""


@dataclass(frozen=True)
class Release:
    """One release of the program, in its folder, over the trader's database."""

    folder: Path
    trader: Trader

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        site = self.trader.site
        ours = {
            "DATABASE_URL": site.database.url,
            "TOKLIGENCE_EMAIL": site.email,
            "TOKLIGENCE_HEAD_LOG": str(site.head_log),
            "TOKLIGENCE_API_RATE": "0",
            "TOKLIGENCE_LOG_LEVEL": "WARNING",
            "WEB_CONCURRENCY": "1",
        }
        return site_environment(site.folder, site.base_url, {**ours, **(more or {})})

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` of this release; the caller looks at the exit code."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def start(self, name: str, more: Mapping[str, str] | None = None) -> Process:
        """Start this of the Procfile's processes."""
        program, *words = processes(more)[name]
        # python manage.py …, or a program that is a module, too
        command = words if program == "python" else ["-m", program, *words]
        log = self.trader.site.folder / f"{name}-{uuid4().hex[:6]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                env=self.environment(more),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return Process(process, log)


@dataclass(frozen=True)
class Process:
    """One that runs, and what it has printed."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_it_speaks(self) -> None:
        """It is at work: the worker tells what it has delivered."""
        give_up = time.monotonic() + PATIENCE
        while not self.log.stat().st_size:
            assert self.process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM, and wait. Raises AssertionError where it does not end well."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()[-3000:]


@dataclass
class Fleet:
    """What runs, by where it listens; all of it ends with the test."""

    web: dict[str, Process] = field(default_factory=dict)
    others: list[Process] = field(default_factory=list)

    def open(self, release: Release, address: str, more: Mapping[str, str] | None = None) -> None:
        """Let the release's web server listen there, and wait until it answers."""
        self.web[address] = release.start("web", {"WEB_ADDRESS": address, **(more or {})})
        give_up = time.monotonic() + PATIENCE
        while asked(address, "/healthz") is None:
            assert self.web[address].process.poll() is None, self.web[address].log.read_text()
            assert time.monotonic() < give_up
            time.sleep(0.05)

    def close(self, address: str) -> None:
        self.web.pop(address).stop()


@contextmanager
def fleet() -> Iterator[Fleet]:
    """Empty at first; nothing of it is left at the exit."""
    ships = Fleet()
    try:
        yield ships
    finally:
        for one in [*ships.web.values(), *ships.others]:
            if one.process.poll() is None:
                one.process.terminate()
        for one in [*ships.web.values(), *ships.others]:
            one.process.wait(60)


def release_of_now(trader: Trader, folder: Path) -> Release:
    """The program as it is."""
    for name in _files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    if (REPOSITORY / "staticfiles").exists():
        (folder / "staticfiles").symlink_to(REPOSITORY / "staticfiles")
    return Release(folder, trader)


def release_after(trader: Trader, folder: Path) -> Release:
    """The next release: another column in the ledger, with an index."""
    release = release_of_now(trader, folder)
    migrations = folder / "usage" / "migrations"
    newest = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9998_grade.py").write_text(COLUMN.format(before=newest))
    (migrations / "9999_by_grade.py").write_text(INDEX.format(before="9998_grade"))
    model = folder / "usage" / "models" / "entry.py"
    text = model.read_text()
    wider = re.sub(
        r"(\n    hash = models\.CharField.*\n)",
        r"\1    grade = models.BigIntegerField(default=7, db_default=7)\n",
        text,
    )
    index = 'models.Index(fields=["account", "grade"], name="usage_entry_by_grade")'
    wider = wider.replace("        indexes = [\n", f"        indexes = [\n            {index},\n")
    assert wider.count("grade") == 3, "the model is not as this expects it"
    model.write_text(wider)
    return release


def asked(address: str, path: str) -> int | None:
    """The status of the answer; None where there is none."""
    try:
        connection = HTTPConnection(address, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, HTTPException):
        return None


@dataclass
class Balancer:
    """Leads to the servers that say they are ready, as they said it last."""

    addresses: list[str]
    ready: list[str] = field(default_factory=list)
    leaving: set[str] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        self._look()
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join()

    def take_out(self, address: str) -> None:
        """Nothing new goes there, as before every planned stop; what is under way goes on."""
        self.leaving.add(address)

    def take_in(self, address: str) -> None:
        """It is asked again whether it is ready, and used once it is."""
        self.leaving.discard(address)
        give_up = time.monotonic() + PATIENCE
        while address not in self.ready:
            assert time.monotonic() < give_up, f"{address} is not ready"
            time.sleep(0.02)

    def chosen(self) -> list[str]:
        return [one for one in self.ready if one not in self.leaving]

    def _watch(self) -> None:
        while not self.stopping.wait(0.2):
            self._look()

    def _look(self) -> None:
        self.ready = [one for one in self.addresses if asked(one, "/readyz") == 200]


@dataclass
class Clients(Crowd):
    """Programs that record one entry after the other, each over a connection of its own.

    A connection that is refused is tried elsewhere. Nothing else is done twice: what is lost is counted.
    """

    balancer: Balancer
    secret: str
    service_id: int
    statuses: Counter[int] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def complaints(self) -> object:
        return self.lost, self.statuses

    def _work(self, turn: int) -> None:
        while not self.stopping.is_set():
            turn += 1
            body = new_entry(self.service_id)
            self._send(turn, str(body["entry_id"]), json.dumps(body))
            # a steady load, which leaves processes that start some of the machine
            self.stopping.wait(0.05)

    def _send(self, turn: int, entry_id: str, body: str) -> None:
        began = time.monotonic()
        connection, address = self._connected(turn)
        headers = {
            "Authorization": f"Bearer {self.secret}",
            "Content-Type": "application/json",
            "Connection": "close",
        }
        try:
            connection.request("POST", "/api/v1/usage", body, headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, HTTPException) as error:
            with self.lock:
                self.lost.append(f"{address}: {error!r}")
            return
        finally:
            connection.close()
        with self.lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.statuses[status] += 1
            self.served[address] += 1
            if status == 201:
                (result,) = json.loads(text)["results"]
                self.promises.tried.add(entry_id)
                self.promises.answered[entry_id] = (result["seq"], result["hash"])

    def _connected(self, turn: int) -> tuple[HTTPConnection, str]:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            for address in _rotated(self.balancer.chosen(), turn):
                connection = HTTPConnection(address, timeout=60)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    continue
                return connection, address
            time.sleep(0.02)
        raise AssertionError("nobody is ready")


def _rotated(addresses: list[str], turn: int) -> list[str]:
    place = turn % len(addresses) if addresses else 0
    return addresses[place:] + addresses[:place]


def _files() -> list[str]:
    """The program's files, as git knows them; else all that does not look made here."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if found.returncode == 0 and found.stdout:
        names = [name for name in found.stdout.split("\0") if name]
    else:
        paths = (path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*"))
        names = [str(path) for path in paths if not NOT_OURS & set(path.parts)]
    return [name for name in names if (REPOSITORY / name).is_file()]
