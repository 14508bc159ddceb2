"""The time that one call has, seen from every socket that it uses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment on a monotonic clock."""

    at: float
    clock: Callable[[], float]

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float]) -> "Deadline":
        """The moment that lies so many seconds ahead."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(self.at - self.clock(), 0.0)


@dataclass
class AttemptScope:
    """One attempt under way: its deadline, how long connecting may take, and whether connecting failed."""

    deadline: Deadline
    connect_timeout: float
    connect_failed: bool = False


_SCOPE: ContextVar[AttemptScope | None] = ContextVar("exchange_attempt", default=None)


@contextmanager
def attempt_scope(scope: AttemptScope) -> Iterator[AttemptScope]:
    """Make the attempt known to the sockets that this thread uses inside the block."""
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)


def current_scope() -> AttemptScope:
    """The attempt under way in this thread; LookupError outside of one."""
    scope = _SCOPE.get()
    if scope is None:
        raise LookupError("A socket of the Exchange client was used outside of a call.")
    return scope


def time_left() -> float:
    """Seconds that the attempt under way still has; raises TimeoutError when there are none."""
    remaining = current_scope().deadline.remaining()
    if remaining <= 0:
        raise TimeoutError("the call's deadline has passed")
    return remaining
