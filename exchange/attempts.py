"""Trying one prepared request until it is settled: breaker, retries and pauses within one deadline."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import requests

from exchange.breaker import BreakerOpen, CircuitBreaker
from exchange.deadlines import AttemptScope, Deadline
from exchange.http_log import log_error, log_request, log_response
from exchange.pool import AdapterPool
from exchange.retry import (
    Decision,
    Meaning,
    Operation,
    RetryPolicy,
    decide,
    delay_before_retry,
    is_breaker_failure,
)
from exchange.sentences import Sentence, gettext_noop
from exchange.transport import Answer, NoAnswer, send_once
from exchange.verdicts import (
    CallFacts,
    Verdict,
    circuit_open,
    error_for,
    outcome_of,
    retry_after,
    understand,
    unreachable,
)

_GOOD = frozenset({Meaning.DONE, Meaning.UNCHANGED})


@dataclass(frozen=True)
class Attempts:
    """What all attempts of one client share. It has no state of its own, and holds no lock.

    Without ``waits_when_limited`` a 429 is the caller's to wait for.
    """

    adapters: AdapterPool
    breaker: CircuitBreaker
    retry: RetryPolicy
    connect_timeout: float
    max_response_bytes: int
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float] = random.random
    waits_when_limited: bool = True

    def settle(
        self, facts: CallFacts, request: requests.PreparedRequest, deadline: Deadline
    ) -> tuple[Verdict, int]:
        """The verdict of the attempt that brought a good answer, and its number; raises ExchangeError
        otherwise.
        """
        attempt = 0
        last: Verdict | None = None
        doubt: Verdict | None = None
        while deadline.remaining() > 0:
            try:
                permit = self.breaker.enter()
            except BreakerOpen as refused:
                if last is None:
                    raise circuit_open(facts, refused.retry_in) from None
                break
            attempt += 1
            with permit:
                result, duration_ms = self._send(facts, request, deadline, attempt)
                outcome = outcome_of(facts.operation, result)
                (permit.failed if is_breaker_failure(outcome) else permit.succeeded)()
            decision = decide(facts.operation, outcome)
            last = understand(facts.operation, result, decision.meaning)
            _log(facts, last, attempt, duration_ms)
            if last.meaning in _GOOD:
                return last, attempt
            if last.meaning is Meaning.AMBIGUOUS:
                doubt = last
            pause = self._pause(decision, result, attempt)
            # A pause beyond the deadline would only delay the bad news.
            if pause is None or pause >= deadline.remaining():
                break
            self.sleep(pause)
        if last is None:
            raise unreachable(facts, Sentence(gettext_noop("no time was left to try")), 0)
        raise error_for(facts, last, attempt, doubt)

    def _send(
        self, facts: CallFacts, request: requests.PreparedRequest, deadline: Deadline, attempt: int
    ) -> tuple[Answer | NoAnswer, float]:
        log_request(method=facts.method, url=facts.url, request_id=facts.request_id, attempt=attempt)
        started = self.clock()
        scope = AttemptScope(deadline, self.connect_timeout)
        # Only where nothing is proved about repeats must a lost answer be a lost answer, and not a stale
        # connection.
        with self.adapters.adapter(fresh=facts.operation is Operation.REPORT) as adapter:
            result = send_once(adapter, request, scope, self.max_response_bytes)
        return result, (self.clock() - started) * 1000

    def _pause(self, decision: Decision, result: Answer | NoAnswer, attempt: int) -> float | None:
        if not decision.repeat or attempt >= self.retry.max_attempts:
            return None
        if decision.meaning is Meaning.RATE_LIMITED and not self.waits_when_limited:
            return None
        return delay_before_retry(self.retry, attempt, jitter=self.jitter(), retry_after=retry_after(result))


def _log(facts: CallFacts, verdict: Verdict, attempt: int, duration_ms: float) -> None:
    status = verdict.status
    if status is not None and status < 400 and status == verdict.outcome:
        log_response(
            method=facts.method,
            url=facts.url,
            status=status,
            duration_ms=duration_ms,
            request_id=facts.request_id,
            attempt=attempt,
        )
        return
    reason = verdict.result.reason if isinstance(verdict.result, NoAnswer) else verdict.kind
    log_error(
        method=facts.method,
        url=facts.url,
        status=status,
        duration_ms=duration_ms,
        request_id=facts.request_id,
        attempt=attempt,
        reason=verdict.said.message or reason,
        rules=verdict.said.rules,
    )
