"""What an attempt's outcome means, whether to repeat it, and after how long: pure functions.

| outcome             | read           | upsert         | report         | proved report  |
| ------------------- | -------------- | -------------- | -------------- | -------------- |
| 2xx                 | done           | done           | done           | done           |
| 304                 | unchanged      | misfit         | ambiguous      | ambiguous      |
| other 1xx, 3xx, odd | misfit         | misfit         | ambiguous      | ambiguous      |
| 429                 | rate limited ↻ | rate limited ↻ | rate limited ↻ | rate limited ↻ |
| other 4xx           | rejected       | rejected       | rejected       | rejected       |
| 501, 505            | unavailable    | ambiguous      | ambiguous      | ambiguous      |
| other 5xx           | unavailable ↻  | ambiguous ↻    | ambiguous      | ambiguous ↻    |
| no connection       | unreachable ↻  | unreachable ↻  | unreachable ↻  | unreachable ↻  |
| connect timeout     | unreachable    | unreachable    | unreachable    | unreachable    |
| answer lost         | unavailable ↻  | ambiguous ↻    | ambiguous      | ambiguous ↻    |
| deadline            | unavailable    | ambiguous      | ambiguous      | ambiguous      |
| garbled, too large  | misfit         | misfit         | ambiguous      | ambiguous      |

↻ is repeated. An upsert is a registration or a publication. 408 and 425 are not: we send no slow bodies and
no early data, so the same request would be met the same way. 501 and 505 say that the server will never do
this. A connect timeout has already waited through the kernel's own repeats. A breaker that is open is the
reason not to wait: the call ends at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from exchange.sentences import gettext_noop

_NEVER_TRANSIENT = frozenset({501, 505})
# Longer than a day is not a pause but a goodbye; it also keeps absurd numbers out of arithmetic.
_RETRY_AFTER_CAP = 86_400.0


class Operation(StrEnum):
    """How a call may be repeated. A report is proved where the Exchange has shown that it honours its key."""

    READ = "read"
    UPSERT = "upsert"
    REPORT = "report"
    PROVED_REPORT = "proved report"


class Failure(StrEnum):
    """Why an attempt brought no usable answer."""

    NO_CONNECTION = gettext_noop("no connection")
    CONNECT_TIMEOUT = gettext_noop("connect timeout")
    LOST = gettext_noop("answer lost")
    DEADLINE = gettext_noop("deadline")
    GARBLED = gettext_noop("answer garbled")
    TOO_LARGE = gettext_noop("answer too large")


class Meaning(StrEnum):
    """What an outcome says about the call."""

    DONE = "done"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    RATE_LIMITED = "rate limited"
    UNREACHABLE = "unreachable"
    UNAVAILABLE = "unavailable"
    MISFIT = "misfit"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class Decision:
    """What an outcome means, and whether the same request may be sent again."""

    meaning: Meaning
    repeat: bool = False


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a call is repeated; delays in seconds."""

    max_attempts: int = 3
    base_delay: float = 0.2
    max_delay: float = 2.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1 or not 0 <= self.base_delay <= self.max_delay:
            raise ValueError("A retry policy needs max_attempts ≥ 1 and 0 ≤ base_delay ≤ max_delay.")


def decide(operation: Operation, outcome: int | Failure) -> Decision:
    """What a status, or a failure to get one, means for this kind of operation (the table above)."""
    if isinstance(outcome, Failure):
        return _decide_failure(operation, outcome)
    if 200 <= outcome < 300:
        return Decision(Meaning.DONE)
    if outcome == 429:
        return Decision(Meaning.RATE_LIMITED, repeat=True)
    if 400 <= outcome < 500:
        return Decision(Meaning.REJECTED)
    if 500 <= outcome < 600:
        transient = outcome not in _NEVER_TRANSIENT
        return Decision(_in_doubt(operation), repeat=transient and operation is not Operation.REPORT)
    if outcome == 304 and operation is Operation.READ:
        return Decision(Meaning.UNCHANGED)
    return Decision(_misfit(operation))


def _decide_failure(operation: Operation, failure: Failure) -> Decision:
    match failure:
        case Failure.NO_CONNECTION:
            return Decision(Meaning.UNREACHABLE, repeat=True)
        case Failure.CONNECT_TIMEOUT:
            return Decision(Meaning.UNREACHABLE)
        case Failure.LOST:
            return Decision(_in_doubt(operation), repeat=operation is not Operation.REPORT)
        case Failure.DEADLINE:
            return Decision(_in_doubt(operation))
        case Failure.GARBLED | Failure.TOO_LARGE:
            return Decision(_misfit(operation))


def _in_doubt(operation: Operation) -> Meaning:
    return Meaning.UNAVAILABLE if operation is Operation.READ else Meaning.AMBIGUOUS


def _misfit(operation: Operation) -> Meaning:
    # Even a redirect may follow upon a report that was counted; an upsert may simply be done once more.
    return Meaning.MISFIT if operation in {Operation.READ, Operation.UPSERT} else Meaning.AMBIGUOUS


def is_breaker_failure(outcome: int | Failure) -> bool:
    """Whether the outcome shows a server in trouble. A refusal, or an answer that we cannot read, shows one
    alive.
    """
    if isinstance(outcome, Failure):
        return outcome not in {Failure.GARBLED, Failure.TOO_LARGE}
    return 500 <= outcome < 600


def delay_before_retry(
    policy: RetryPolicy, attempt: int, *, jitter: float, retry_after: float | None = None
) -> float:
    """Seconds to wait after attempt number `attempt` (from 1); `jitter` is a random number from 0 to 1.

    Doubles each time, between half and the whole of it, so that clients which failed together do not return
    together; never shorter than what the server asked for.
    """
    ceiling = min(policy.max_delay, policy.base_delay * 2.0 ** min(attempt - 1, 60))
    return max(ceiling * (0.5 + jitter / 2), retry_after or 0.0)


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for (a number or an HTTP date), a day at most; None if
    unreadable.
    """
    if text is None or len(text) > 64:
        return None
    trimmed = text.strip()
    if trimmed.isascii() and trimmed.isdigit():
        return min(float(trimmed), _RETRY_AFTER_CAP)
    try:
        moment = parsedate_to_datetime(trimmed)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _RETRY_AFTER_CAP)
