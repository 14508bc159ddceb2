"""What a listener is told after each call, so that a page can say how the Exchange is without asking it."""

from collections.abc import Callable
from dataclasses import dataclass

from exchange.errors import ExchangeError, ExchangeUnreachable
from exchange.http_log import log_broken_listener


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
