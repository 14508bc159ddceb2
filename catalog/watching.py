"""For commands that run until a signal stops them: between two units of work, and at once while they wait."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
FIRST_PAUSE = 5.0


class Stop:
    """Whether SIGTERM or SIGINT has come. A second one ends the process the usual way."""

    def __init__(self) -> None:
        self.asked = False
        # a pipe, for a handler may take no lock that the code it interrupts might hold
        self._read, self._write = os.pipe()

    def ask(self, number: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        self.asked = True
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.write(self._write, b".")

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a signal has come."""
        if not self.asked:
            select.select([self._read], [], [], seconds)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Take the signals inside the block, and put back what took them before."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()


def pause_after(failures: int, interval: float) -> float:
    """Seconds until the next try: the interval, or less while it fails, doubling from five seconds."""
    if not failures:
        return interval
    return min(interval, FIRST_PAUSE * float(2 ** min(failures - 1, 30)))
