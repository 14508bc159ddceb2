"""What a listener is told after each call, so that a page can say how the Exchange is without asking it."""

from collections.abc import Callable
from dataclasses import dataclass

from exchange.errors import (
    AmbiguousOutcome,
    CircuitOpen,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    RateLimited,
    TooManyCalls,
)
from exchange.http_log import log_broken_listener

# the narrower first
_KINDS: tuple[tuple[type[ExchangeError], str], ...] = (
    (TooManyCalls, "too_many_calls"),
    (CircuitOpen, "circuit_open"),
    (ExchangeUnreachable, "unreachable"),
    (ExchangeUnavailable, "unavailable"),
    (RateLimited, "rate_limited"),
    (ExchangeRejected, "rejected"),
    (ExchangeProtocolError, "protocol_error"),
    (AmbiguousOutcome, "ambiguous"),
)
_UNTRIED = ("too_many_calls", "circuit_open")


@dataclass(frozen=True)
class Outcome:
    """One call of a client's method, its retries included.

    `reachable` is False exactly where no connection was made (or tried: the breaker was open); a 5xx or a
    lost answer came from an Exchange that was reached, and `error` says what became of it. `operation` is the
    method's name.
    """

    reachable: bool
    error: ExchangeError | None
    operation: str
    duration_ms: float

    @property
    def kind(self) -> str:
        """What became of it in a word, for counting: "ok", or the branch of the error tree."""
        if self.error is None:
            return "ok"
        return next((kind for error, kind in _KINDS if isinstance(self.error, error)), "error")

    @property
    def was_tried(self) -> bool:
        """Whether a request was made, or a connection tried."""
        return self.kind not in _UNTRIED


def tell(
    listener: Callable[[Outcome], None] | None,
    operation: str,
    error: ExchangeError | None,
    duration_ms: float,
) -> None:
    """Tell the listener; whatever it raises is logged and goes no further."""
    if listener is None:
        return
    try:
        listener(Outcome(not isinstance(error, ExchangeUnreachable), error, operation, duration_ms))
    except Exception:  # noqa: BLE001 - a listener's fault must not become the call's
        log_broken_listener(operation)
