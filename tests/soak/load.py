"""Clients that record at times of their own, over connections that stay open, and never give up."""

from __future__ import annotations

import json
import select
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random

from tests.soak.judging import Doubt
from tests.soak.mix import Mix, Promise, Request, promises_in

LONGEST_IDLE = 30.0
"""Seconds after which a connection is opened anew, before the server closes it."""
ANSWER_LIMIT = 60.0
MOST_WRONG = 100


class Line:
    """A connection to the site."""

    def __init__(self, address: str, secret: str) -> None:
        self._connection = HTTPConnection(address, timeout=ANSWER_LIMIT)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.answered_at: float | None = None

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError and HTTPException where no answer came."""
        if self.answered_at is not None and (
            time.monotonic() - self.answered_at > LONGEST_IDLE or self._was_closed()
        ):
            self.close()
        self._connection.request("POST", path, body, self._headers)
        response = self._connection.getresponse()
        answer = response.status, response.read()
        self.answered_at = time.monotonic()
        return answer

    def close(self) -> None:
        self._connection.close()
        self.answered_at = None

    def _was_closed(self) -> bool:
        """The other end has said so already, as every client of HTTP looks before it writes."""
        sock = self._connection.sock
        return sock is None or bool(select.select([sock], [], [], 0)[0])


class Load:
    """``rate`` requests a second, as many as can be where it is None; a line in ``promised`` for each entry.

    Each request has a time at which it is due; late answers delay none but what the same client has to send,
    and latency is from the time when a request was due until the last answer to it. What is not answered, or
    with 500 and more, is sent again until it is; ``undisturbed`` are the latencies of those that never were.
    """

    def __init__(
        self, address: str, secret: str, mix: Mix, *, rate: float | None, seed: int, promised: Path
    ) -> None:
        self._address, self._secret, self._mix = address, secret, mix
        self._rate, self._seed = rate, seed
        self._numbers, self._lock, self._stopping = count(), threading.Lock(), threading.Event()
        self._promised = promised.open("a")
        self._began = self._ended = 0.0
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.latencies: array[float] = array("f")
        self.undisturbed: array[float] = array("f")
        self.doubts: list[Doubt] = []
        self.wrong: list[str] = []
        self.entries = 0
        self.done = 0

    @property
    def reached(self) -> float:
        """Requests a second that were answered for good."""
        return self.done / max((self._ended or time.monotonic()) - self._began, 0.001)

    @contextmanager
    def at_work(self, connections: int) -> Iterator[None]:
        """So many clients at once; at the exit they finish what they have begun."""
        self._began = time.monotonic()
        clients = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._ended = time.monotonic()
            for client in clients:
                client.join(ANSWER_LIMIT * 3)
            self._promised.close()
        if any(client.is_alive() for client in clients):
            self.wrong.append("a client was never answered")

    def _work(self) -> None:
        line = Line(self._address, self._secret)
        while True:
            number = next(self._numbers)
            due = self._began + number / self._rate if self._rate else time.monotonic()
            if self._stopping.wait(max(due - time.monotonic(), 0)):
                break
            dice = Random(f"{self._seed} {number}")  # noqa: S311
            with self._lock:
                request = self._mix.request(dice)
            self._record(line, request, due)
        line.close()

    def _record(self, line: Line, request: Request, due: float) -> None:
        """Send it until it is answered."""
        pause, again = 0.02, False
        while True:
            sent = time.monotonic()
            since = sent if line.answered_at is None else line.answered_at
            status, text, error = 0, b"", ""
            try:
                status, text = line.post("/api/v1/usage", request.body)
            except (OSError, HTTPException) as raised:
                line.close()
                error = repr(raised)
            ended = time.monotonic()
            with self._lock:
                self.statuses[request.kind, status] += 1
                if 0 < status < 500:
                    self._take_down(request, status, text, again=again)
                    self.latencies.append(ended - due)
                    if not again:
                        self.undisturbed.append(ended - due)
                    self.done += 1
                    return
                since = since if status == 0 else sent
                self.doubts.append(
                    Doubt(f"POST {request.kind}", status, since, ended, error or repr(text[:200]))
                )
            again = True
            time.sleep(pause)
            pause = min(pause * 2, 1.0)

    def _take_down(self, request: Request, status: int, text: bytes, *, again: bool) -> None:
        if status not in (request.again if again else request.first):
            self._complain(f"{request.kind}: {status} {text[:300]!r}")
            return
        if status > 201:
            return
        promises, wrong = promises_in(request, json.loads(text)["results"])
        for one in wrong:
            self._complain(f"{request.kind}: {one}")
        for promise in promises:
            self._keep(request, promise)

    def _keep(self, request: Request, promise: Promise) -> None:
        self._promised.write(f"{promise.entry_id} {promise.seq} {promise.hash}\n")
        self.entries += 1
        if request.remember is not None:
            self._mix.answered.append((request.remember, promise))

    def _complain(self, sentence: str) -> None:
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(sentence)
