"""What can go wrong between a gateway and an Exchange.

    Exception
    ├── ExchangeError                 one call to the Exchange did not give what was asked
    │   ├── ExchangeUnreachable       certainly never reached: no connection, unknown name, refused, timed out
    │   │   ├── TooManyCalls          not tried, because too many calls of this client wait for their answers
    │   │   └── CircuitOpen           not tried, because the last tries all failed; `retry_in` seconds
    │   ├── ExchangeUnavailable       a read that reached it: 5xx, answer lost or late, after all retries
    │   ├── ExchangeRejected          4xx: the Exchange said no, and nothing was done; `code`, `rules`
    │   │   ├── RateLimited           429; `retry_after` seconds, or None
    │   │   ├── ComplianceRefusal     400 that names rules; `rules`, `rule_ids`
    │   │   └── StatementNotOffered   404 on /usage/statement: this Exchange has only the contract's core
    │   ├── ExchangeProtocolError     an answer that does not fit the contract: redirect, too large, no JSON
    │   └── AmbiguousOutcome          a write that may or may not have been done; `cause_kind` says why
    └── GatewayError                  nothing was sent: the request makes no sense as things stand
        ├── NotRegistered             there is no account yet
        ├── NotAProvider              the account has no provider role
        └── NoMatch (LookupError)     no provider or service fits what was asked

`ExchangeUnreachable` and `RateLimited` are the only failures of a usage report after which it may be sent
again by anyone; after `AmbiguousOutcome` only to an Exchange that has proved that it honours idempotency
keys.
"""

from dataclasses import dataclass
from typing import TypedDict, Unpack


@dataclass(frozen=True)
class Rule:
    """A compliance rule that a request broke: the Exchange's identifier, and its words, maybe none."""

    id: str
    message: str = ""


class ErrorFacts(TypedDict, total=False):
    """Where and when a call failed; see ExchangeError."""

    method: str
    url: str
    status: int | None
    request_id: str | None
    server_request_id: str | None
    attempts: int


class ExchangeError(Exception):
    """One call to the Exchange failed.

    `sentence` is for a person and equals `str(error)`. `request_id` is what we sent as X-Request-ID,
    `server_request_id` what the Exchange answered with, if it did. `status` is None where no answer came.
    `attempts` counts how often the request was tried.
    """

    def __init__(self, sentence: str, **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.method = facts.get("method", "")
        self.url = facts.get("url", "")
        self.status = facts.get("status")
        self.request_id = facts.get("request_id")
        self.server_request_id = facts.get("server_request_id")
        self.attempts = facts.get("attempts", 0)


class ExchangeUnreachable(ExchangeError):  # noqa: N818 - the tree's names say what happened
    """No connection was made, so the Exchange cannot have done anything."""


class CircuitOpen(ExchangeUnreachable):
    """Not tried: the breaker is open. `retry_in` is the number of seconds until it lets a probe through."""

    def __init__(self, sentence: str, *, retry_in: float = 0.0, **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(sentence, **facts)
        self.retry_in = retry_in


class TooManyCalls(ExchangeUnreachable):
    """Not tried: as many calls of this client as it may have under way still wait for the Exchange."""


class ExchangeUnavailable(ExchangeError):  # noqa: N818
    """A read reached the Exchange and got a 5xx, no answer, or none in time."""


class ExchangeRejected(ExchangeError):  # noqa: N818
    """The Exchange refused the request (4xx). `code` is its error code, `rules` what it named as broken."""

    def __init__(
        self,
        sentence: str,
        *,
        code: str | None = None,
        rules: tuple[Rule, ...] = (),
        **facts: Unpack[ErrorFacts],
    ) -> None:
        super().__init__(sentence, **facts)
        self.code = code
        self.rules = rules


class RateLimited(ExchangeRejected):
    """429: not processed. `retry_after`: the seconds that the Exchange asks for, where it says so."""

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float | None = None,
        code: str | None = None,
        rules: tuple[Rule, ...] = (),
        **facts: Unpack[ErrorFacts],
    ) -> None:
        super().__init__(sentence, code=code, rules=rules, **facts)
        self.retry_after = retry_after


class ComplianceRefusal(ExchangeRejected):
    """400 that names the rules which the request broke, in the order in which the Exchange named them."""

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The rules' identifiers alone."""
        return tuple(rule.id for rule in self.rules)


class StatementNotOffered(ExchangeRejected):
    """This Exchange offers no statement: reconcile totals alone."""


class ExchangeProtocolError(ExchangeError):
    """An answer that does not fit the contract."""


class AmbiguousOutcome(ExchangeError):  # noqa: N818
    """A write that may or may not have been done. `cause_kind`: "status 503", "answer lost", "deadline", …"""

    def __init__(self, sentence: str, *, cause_kind: str = "", **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(sentence, **facts)
        self.cause_kind = cause_kind


class GatewayError(Exception):
    """A request that makes no sense as things stand; nothing was sent."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotRegistered(GatewayError):  # noqa: N818
    """There is no account yet: call `ensure_account` first."""


class NotAProvider(GatewayError):  # noqa: N818
    """The account lacks the provider role: call `ensure_account` with it."""


class NoMatch(GatewayError, LookupError):  # noqa: N818
    """No provider or service fits what was asked."""
