"""Web and workers restarted again and again, some by a kill."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.soak.judging import Disruption
from tests.soak.processes import Process, Web

LINGER = 5.0
"""Seconds after a reload for which old connections may still be closed: gunicorn lingers for two."""


class Restarter:
    """Every ``every`` seconds each process once, one after the other, at moments that the dice choose."""

    def __init__(
        self, web: Web, workers: list[Process], *, every: float, kill_share: float, dice: Random
    ) -> None:
        self._web, self._workers, self._every, self._share, self._dice = web, workers, every, kill_share, dice
        self._stopping = threading.Event()
        self.disruptions: list[Disruption] = []
        self.counts: Counter[str] = Counter()
        self.killed_web_workers: set[int] = set()
        self.wrong: list[str] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._go_round, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(300)

    def _go_round(self) -> None:
        began = time.monotonic()
        turn = 0
        while True:
            turn += 1
            # a slow machine takes long to start anything: it shall not do nothing else
            due = max(began + (turn - 0.5) * self._every, time.monotonic() + self._every / 4)
            for process in self._dice.sample([self._web, *self._workers], 1 + len(self._workers)):
                due += self._dice.uniform(0, self._every / (3 + len(self._workers)))
                if self._stopping.wait(max(due - time.monotonic(), 0)):
                    return
                try:
                    self.restart(process)
                except Exception as error:  # noqa: BLE001 - told at the end, whatever it was
                    self.wrong.append(f"restarting {process.name}: {error!r}")

    def restart(self, process: Process) -> None:
        """This one, by a kill or without."""
        killing = self._dice.random() < self._share
        if isinstance(process, Web):
            self._restart_web(process, killing=killing)
        elif killing:
            process.kill()
            process.start()
            self.counts[f"{process.name}: SIGKILL"] += 1
        else:
            code = process.terminate()
            if code != 0:
                self.wrong.append(f"{process.name} ended with {code} after SIGTERM")
            process.start()
            self.counts[f"{process.name}: SIGTERM"] += 1

    def _restart_web(self, web: Web, *, killing: bool) -> None:
        began = time.monotonic()
        if not killing:
            web.reload()
            self._note(Disruption("reload", began, time.monotonic() + LINGER), "web: SIGHUP")
        elif self._dice.random() < 0.5:
            self.killed_web_workers |= set(web.workers())
            web.kill_all()
            self._note(Disruption("kill", began, time.monotonic()), "web: SIGKILL of all")
        else:
            victim = self._dice.choice(web.workers())
            self.killed_web_workers.add(victim)
            web.kill_worker(victim)
            self._note(Disruption("kill", began, time.monotonic()), "web: SIGKILL of a worker")

    def _note(self, disruption: Disruption, name: str) -> None:
        self.disruptions.append(disruption)
        self.counts[name] += 1
