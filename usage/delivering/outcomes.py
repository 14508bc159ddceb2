"""What came of one report, and what follows for the entry and for the queue: pure functions.

| what came                              | entry                       | queue            |
| -------------------------------------- | --------------------------- | ---------------- |
| any 2xx                                | delivered                   | goes on          |
| 400, 402, 409, 410, 413, 422, 451      | rejected                    | goes on          |
| 404 in the Exchange's words, any rules | rejected                    | goes on          |
| 409 to a repeat, idempotency proved    | pending, rejected in the end| goes on          |
| 429                                    | pending, later              | pauses as asked  |
| 408                                    | in doubt                    | pauses           |
| another 4xx, 404 without a word        | pending, later              | pauses           |
| no connection                          | pending                     | pauses           |
| not tried (breaker, too many calls)    | pending                     | this round ends  |
| 5xx, answer lost, late or garbled      | in doubt                    | pauses           |

In doubt: pending, later, where the Exchange has proved that it counts a repeated key once; else uncertain.
The contract's core knows no sign-in, so 401, 403 and 407 come from whoever stands in front of the Exchange,
as does 404 without a word: they say nothing about the entry, and nothing was counted. 408 is a front
server's too, but some send it when the Exchange behind them is slow, and then it may have counted. An entry
that meets such an answer also waits by itself: if it alone is met so, it must not stop the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exchange import (
    CircuitOpen,
    ExchangeError,
    ExchangeRejected,
    ExchangeUnreachable,
    RateLimited,
    Sentence,
    TooManyCalls,
    UsageReceipt,
)
from exchange.retry import RetryPolicy, delay_before_retry
from usage.delivering.receipts import receipt_document
from usage.models import Delivery

State = Delivery.State

ABOUT_THE_ENTRY = frozenset({400, 402, 409, 410, 413, 422, 451})
MOST_CONFLICTS = 5
"""After so many attempts a 409 is no earlier attempt that is still being worked on."""
BACKOFF = RetryPolicy(base_delay=1.0, max_delay=300.0)
LONGEST_ERROR = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``state``: where the entry goes. ``attempt``: what is known of this attempt; pending: not counted.

    ``waits``: the entry is put off by itself. ``trouble``: the Exchange is left in peace for a while, at
    least ``retry_after`` seconds. ``untried``: nobody was asked.
    """

    state: str
    attempt: str
    error: str = ""
    rules: list[dict[str, str]] = field(default_factory=list)
    status: int | None = None
    request_id: str = ""
    receipt: dict[str, Any] | None = None
    exchange_entry_id: int | None = None
    waits: bool = False
    trouble: bool = False
    untried: bool = False
    retry_after: float | None = None

    @property
    def was_answered(self) -> bool:
        """Whether it tells how the Exchange is: it was asked, and said something or failed to."""
        told = self.trouble or self.status is not None or self.state == State.DELIVERED
        return told and not self.untried


def counted(receipt: UsageReceipt) -> Outcome:
    """The Exchange has counted it, now or before."""
    status = {True: 201, False: 200, None: None}[receipt.created]
    return Outcome(
        state=State.DELIVERED,
        attempt=State.DELIVERED,
        status=status,
        receipt=receipt_document(receipt.entry),
        exchange_entry_id=receipt.entry.id if receipt.entry else None,
    )


def failed(error: Exception, *, proved: bool, number: int) -> Outcome:
    """What this error of attempt ``number`` means, where idempotency is ``proved`` or is not."""
    told: dict[str, Any] = {
        "error": storable(error),
        "status": error.status if isinstance(error, ExchangeError) else None,
        "request_id": _request_id(error),
    }
    match error:
        case ExchangeUnreachable():
            untried = was_untried(error)
            return Outcome(
                state=State.PENDING, attempt=State.PENDING, trouble=not untried, untried=untried, **told
            )
        case RateLimited():
            return Outcome(
                state=State.PENDING,
                attempt=State.PENDING,
                waits=True,
                trouble=True,
                retry_after=error.retry_after,
                **told,
            )
        case ExchangeRejected() if error.status != 408:
            return _refused(error, proved=proved, number=number, told=told)
        case _:
            return in_doubt(proved=proved, **told)


def in_doubt(*, proved: bool, trouble: bool = True, **told: Any) -> Outcome:
    """It may or may not have been counted."""
    if proved:
        return Outcome(state=State.PENDING, attempt=State.UNCERTAIN, waits=True, trouble=trouble, **told)
    return Outcome(state=State.UNCERTAIN, attempt=State.UNCERTAIN, trouble=trouble, **told)


def backoff(failures: int, jitter: float, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row: doubling from one second to five minutes, between half
    and the whole of it; never less than what the Exchange asks for."""
    return delay_before_retry(BACKOFF, max(failures, 1), jitter=jitter, retry_after=retry_after)


def was_untried(error: ExchangeError) -> bool:
    """Whether nobody was asked, so that it says nothing of the Exchange; maybe our own deadline was over."""
    never = isinstance(error, CircuitOpen | TooManyCalls)
    return never or (isinstance(error, ExchangeUnreachable) and error.attempts == 0)


def is_about_the_entry(error: ExchangeRejected) -> bool:
    """Whether this refusal judges what was asked, and not merely how, or by whom."""
    if error.rules or error.status in ABOUT_THE_ENTRY:
        return True
    return error.status == 404 and bool(_own_words(error))


def storable(error: Exception) -> str:
    """The error's sentence, as any database takes it."""
    return str(error).replace("\0", "")[:LONGEST_ERROR]


def _refused(error: ExchangeRejected, *, proved: bool, number: int, told: dict[str, Any]) -> Outcome:
    if error.status == 409 and proved and 1 < number < MOST_CONFLICTS:
        # our bodies never change under a key: an earlier attempt is most likely still being worked on
        return Outcome(state=State.PENDING, attempt=State.PENDING, waits=True, **told)
    if not is_about_the_entry(error):
        return Outcome(state=State.PENDING, attempt=State.PENDING, waits=True, trouble=True, **told)
    rules = [{"id": rule.id, "message": rule.message} for rule in error.rules]
    return Outcome(state=State.REJECTED, attempt=State.REJECTED, rules=rules, **told)


def _own_words(error: ExchangeRejected) -> str:
    return str(error.sentence.values.get("words") or "") if isinstance(error.sentence, Sentence) else ""


def _request_id(error: Exception) -> str:
    if not isinstance(error, ExchangeError):
        return ""
    return (error.request_id or error.server_request_id or "")[:128]
