from __future__ import annotations

import os
import signal
import time
from threading import Timer

import pytest

from catalog.watching import pause_after, stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_wait_at_once(number: signal.Signals) -> None:
    with stopping() as stop:
        timer = Timer(0.2, os.kill, (os.getpid(), number))
        timer.start()
        began = time.monotonic()
        stop.wait(60)
        assert time.monotonic() - began < 20
        assert stop.asked
        timer.join()


def test_a_signal_during_work_lets_it_finish_and_there_is_no_wait_after_it() -> None:
    done = []
    with stopping() as stop:
        while not stop.asked:
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("the rest of the work")
            stop.wait(60)
    assert done == ["the rest of the work"]


def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with stopping():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_second_ctrl_c_interrupts_the_work() -> None:
    with stopping():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_wait_ends_by_itself() -> None:
    with stopping() as stop:
        stop.wait(0.01)
        assert not stop.asked


@pytest.mark.parametrize(
    ("failures", "interval", "pause"),
    [(0, 300, 300), (1, 300, 5), (2, 300, 10), (6, 300, 160), (7, 300, 300), (10**6, 300, 300), (1, 2, 2)],
)
def test_it_tries_again_soon_and_then_less_and_less(failures: int, interval: float, pause: float) -> None:
    assert pause_after(failures, interval) == pause
