"""Who tells the figures: every call to the Exchange, every attempt to sign in."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from accounts.models import SignInAttempt
from accounts.signals import exchange_asked
from exchange import CircuitBreaker, Outcome
from exchange.breaker import BreakerState
from gateway_site.metrics import figures

AT_ONCE = (SignInAttempt.Outcome.WRONG, SignInAttempt.Outcome.SIGNED_IN)
"""Attempts whose outcome stands as they are entered; the others are closed later."""


class LastCall:
    """How the last call of this process to the Exchange ended, and the breaker that let it through."""

    kind: str | None = None
    breaker: CircuitBreaker | None = None

    def breaker_state(self) -> str:
        """The breaker's state now; closed where nothing was asked yet."""
        return str(self.breaker.state if self.breaker is not None else BreakerState.CLOSED)


last_call = LastCall()


def install() -> None:
    exchange_asked.connect(note_call, dispatch_uid="metrics")
    post_save.connect(note_attempt, sender=SignInAttempt, dispatch_uid="metrics")


def note_call(*, outcome: Outcome, breaker: CircuitBreaker, **_: Any) -> None:
    """Count a call to the Exchange."""
    last_call.breaker = breaker
    figures.breaker_open.set(breaker.state is not BreakerState.CLOSED)
    figures.calls_total.labels(outcome.operation, outcome.kind).inc()
    if outcome.was_tried:
        last_call.kind = outcome.kind
        figures.call_seconds.labels(outcome.operation).observe(outcome.duration_ms / 1000)


def note_attempt(*, instance: SignInAttempt, created: bool, **_: Any) -> None:
    """Count an attempt to sign in, once its outcome is known."""
    if not created or instance.outcome in AT_ONCE:
        figures.sign_ins_total.labels(instance.outcome).inc()
