"""The processes of the set: started as the Procfile says, stopped, reloaded, killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.exchange_process import ExchangeProcess, running_exchange
from tests.ports import free_address
from tests.procfile import processes
from tests.site_process import REPOSITORY

PATIENCE = 120.0
"""Seconds within which a process has started, or has stopped."""
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Process:
    """One of the Procfile's processes; its log is added to ``NAME.log``, what it prints to ``NAME.out``."""

    def __init__(self, name: str, words: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._words, self._environment = words, environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now. Raises RuntimeError where it has ended."""
        if self._process is None or self._process.poll() is not None:
            code = self._process and self._process.returncode
            raise RuntimeError(f"{self.name} has ended by itself ({code}); see {self.log}")
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log, self.log.with_suffix(".out").open("ab") as output:
            self._process = subprocess.Popen(
                self._words,
                cwd=REPOSITORY,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
            )

    def terminate(self) -> int:
        """Its exit code after SIGTERM, once it has come so far that it listens to it.

        Before that, while Python loads the site, the signal ends it as any other program; nothing was begun.
        Raises subprocess.TimeoutExpired where it does not end.
        """
        give_up = time.monotonic() + PATIENCE
        while not catches(self.pid, signal.SIGTERM) and time.monotonic() < give_up:
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """SIGKILL, of it alone."""
        os.kill(self.pid, signal.SIGKILL)
        self._ended()

    def end(self) -> None:
        """However it stands, there is nothing left of it after this."""
        with suppress(RuntimeError, OSError, subprocess.TimeoutExpired):
            self.terminate()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _ended(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE)


class Web(Process):
    """gunicorn: a master, and the workers that answer."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, *, address: str, options: list[str]
    ) -> None:
        server, *words = processes({"WEB_ADDRESS": address})["web"]
        super().__init__("web", [sys.executable, "-m", server, *words, *options], environment, folder)
        self.address = address

    def workers(self) -> list[int]:
        """The process ids of those that there are now, oldest first."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return sorted(int(pid) for pid in children.split())

    def wait_until_it_answers(self) -> None:
        """Raises RuntimeError where it does not."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up and self.pid:
            with suppress(OSError):
                _opener.open(f"http://{self.address}/healthz", timeout=10).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"the site does not answer; see {self.log}")

    def reload(self) -> None:
        """Other workers than before, without a moment in which none answers."""
        before = set(self.workers())
        os.kill(self.pid, signal.SIGHUP)
        give_up = time.monotonic() + PATIENCE
        while before & set(self.workers()):
            if time.monotonic() > give_up:
                raise RuntimeError(f"old workers have not ended; see {self.log}")
            time.sleep(0.05)

    def kill_worker(self, pid: int) -> None:
        """The master starts another."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Master and workers at once, as when the machine runs out of memory; then start again."""
        pids = [self.pid, *self.workers()]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._ended()
        self.start()
        self.wait_until_it_answers()


class Market:
    """The sandbox Exchange, which can go away and come back at the same address with the same books."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._address = folder, free_address()
        self._stack, self._process, self._starts = ExitStack(), None, 0
        self.come()

    @property
    def process(self) -> ExchangeProcess:
        """Raises RuntimeError while it is away."""
        if self._process is None:
            raise RuntimeError("the Exchange is away")
        return self._process

    @property
    def base_url(self) -> str:
        return f"http://{self._address}"

    @property
    def is_there(self) -> bool:
        return self._process is not None

    def come(self) -> None:
        if self._process is None:
            self._starts += 1
            entered = running_exchange(self._folder, "--seed", address=self._address)
            self._process: ExchangeProcess | None = self._stack.enter_context(entered)

    def go(self) -> None:
        """Away; what it printed is kept."""
        self._stack.close()
        self._process = None
        log = self._folder / "exchange.log"
        if log.exists():
            shutil.move(log, log.with_name(f"exchange.{self._starts}.log"))


@contextmanager
def running_market(folder: Path) -> Iterator[Market]:
    market = Market(folder)
    try:
        yield market
    finally:
        market.go()


def catches(pid: int, wanted: signal.Signals) -> bool:
    """Whether the process has a handler for this signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (wanted - 1) & 1)


def worker(name: str, number: int, environment: Mapping[str, str], folder: Path) -> Process:
    """One of the Procfile's commands; the second of a kind has a number."""
    words = [sys.executable, *processes()[name][1:]]
    return Process(name if number == 1 else f"{name} {number}", words, environment, folder)
