"""A circuit breaker: after several failures in a row nobody waits for a server that is not there.

Closed, it lets everyone through and counts consecutive failures. Open, it lets nobody through until the
cooldown is over. Then it is half-open: exactly one probe goes through and decides. Its lock is held for
bookkeeping only, never while a call is under way.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self


class BreakerState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class BreakerOpen(Exception):  # noqa: N818 - the client turns it into CircuitOpen
    """No call now; `retry_in` seconds until a probe goes through, 0 while one is under way."""

    def __init__(self, retry_in: float) -> None:
        super().__init__(f"not before {retry_in:.1f} s")
        self.retry_in = retry_in


class Permit:
    """Leave for one call, to be used in a `with` block and told how the call went.

    Left without a word, by whatever exception, it counts as no news: a probe's place is free again.
    """

    def __init__(self, breaker: "CircuitBreaker", epoch: int, counted: int) -> None:
        self._breaker = breaker
        self.epoch = epoch
        self.counted = counted

    def succeeded(self) -> None:
        """The server answered."""
        self._breaker.settle(self, succeeded=True)

    def failed(self) -> None:
        """The server was not reached, did not answer, or answered with a 5xx."""
        self._breaker.settle(self, succeeded=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._breaker.settle(self, succeeded=None)


class CircuitBreaker:
    """Shared by the threads that call one Exchange.

    Opens after `failure_threshold` consecutive failures, for `cooldown` seconds. Calls that were under way
    together and failed together are one failure: what many threads meet at one moment is one event. A probe
    that has not been heard of for `probe_lease` seconds is given up, so that one lost thread cannot keep the
    breaker open for good.
    """

    def __init__(
        self,
        *,
        failure_threshold: int = 5,
        cooldown: float = 10.0,
        probe_lease: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failure_threshold < 1 or cooldown < 0 or probe_lease <= 0:
            raise ValueError("A breaker needs failure_threshold ≥ 1, cooldown ≥ 0 and probe_lease > 0.")
        self._threshold = failure_threshold
        self._cooldown = cooldown
        self._probe_lease = probe_lease
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._counted = 0  # failures, since the beginning
        self._opened_at: float | None = None
        self._probe: Permit | None = None
        self._probe_since = 0.0
        self._epoch = 0

    @property
    def state(self) -> BreakerState:
        """The state at this moment."""
        with self._lock:
            if self._opened_at is None:
                return BreakerState.CLOSED
            return BreakerState.OPEN if self._cooling() > 0 else BreakerState.HALF_OPEN

    @property
    def retry_in(self) -> float:
        """Seconds until a probe may go through; 0 when closed or half-open."""
        with self._lock:
            return self._cooling()

    def enter(self) -> Permit:
        """Leave for one call; raises BreakerOpen where there is none now."""
        with self._lock:
            if self._opened_at is None:
                return Permit(self, self._epoch, self._counted)
            if (cooling := self._cooling()) > 0:
                raise BreakerOpen(cooling)
            now = self._clock()
            if self._probe is not None and now - self._probe_since < self._probe_lease:
                raise BreakerOpen(0.0)
            self._probe = Permit(self, self._epoch, self._counted)
            self._probe_since = now
            return self._probe

    def settle(self, permit: Permit, *, succeeded: bool | None) -> None:
        """Take note of how a permitted call went; None for no news."""
        with self._lock:
            # A call that began before the last opening says nothing about the server as it is now.
            if permit.epoch != self._epoch:
                return
            if self._opened_at is None:
                self._count(permit, succeeded)
            elif permit is self._probe:
                self._probe = None
                self._conclude(succeeded)

    def _count(self, permit: Permit, succeeded: bool | None) -> None:
        if succeeded:
            self._failures = 0
        elif succeeded is False and permit.counted == self._counted:
            self._failures += 1
            self._counted += 1
            if self._failures >= self._threshold:
                self._open()

    def _conclude(self, succeeded: bool | None) -> None:
        if succeeded:
            self._opened_at = None
            self._failures = 0
            self._epoch += 1
        elif succeeded is False:
            self._open()

    def _open(self) -> None:
        self._opened_at = self._clock()
        self._failures = 0
        self._epoch += 1

    def _cooling(self) -> float:
        if self._opened_at is None:
            return 0.0
        return max(self._opened_at + self._cooldown - self._clock(), 0.0)
