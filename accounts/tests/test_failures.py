from __future__ import annotations

import pytest

from accounts.failures import failure_of
from exchange import (
    AmbiguousOutcome,
    CircuitOpen,
    ComplianceRefusal,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    NotAProvider,
    NotRegistered,
    RateLimited,
    Rule,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ComplianceRefusal("no", rules=(Rule("A"),)), 422),
        (ExchangeRejected("no"), 422),
        (NotRegistered("no"), 409),
        (NotAProvider("no"), 409),
        (AmbiguousOutcome("maybe"), 504),
        (RateLimited("later"), 503),
        (ExchangeUnreachable("gone"), 503),
        (CircuitOpen("gone"), 503),
        (ExchangeUnavailable("trouble"), 503),
        (ExchangeProtocolError("odd"), 503),
    ],
)
def test_each_error_has_a_status_and_a_sentence(error: Exception, status: int) -> None:
    failure = failure_of(error)
    assert failure.status == status
    assert failure.error


def test_the_rules_are_kept_whatever_the_status_of_the_refusal() -> None:
    rules = (Rule("PRICE_CEILING", "Too dear."), Rule("FORBIDDEN_WORD"))
    assert failure_of(ComplianceRefusal("no", rules=rules)).rules == rules
    assert failure_of(ExchangeRejected("no", rules=rules)).rules == rules


def test_what_can_be_mended_here_is_said() -> None:
    assert "runexchange" in failure_of(ExchangeUnreachable("Not there.")).error
