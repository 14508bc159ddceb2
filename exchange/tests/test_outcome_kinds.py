"""Each branch of the error tree has a word of its own, by which calls are counted."""

import pytest

from exchange import errors
from exchange.outcome import Outcome

KINDS = {
    errors.ExchangeUnreachable: "unreachable",
    errors.TooManyCalls: "too_many_calls",
    errors.CircuitOpen: "circuit_open",
    errors.ExchangeUnavailable: "unavailable",
    errors.ExchangeRejected: "rejected",
    errors.RateLimited: "rate_limited",
    errors.ComplianceRefusal: "rejected",
    errors.StatementNotOffered: "rejected",
    errors.ExchangeProtocolError: "protocol_error",
    errors.AmbiguousOutcome: "ambiguous",
    errors.ExchangeError: "error",
}


def everything_below(kind: type[errors.ExchangeError]) -> set[type[errors.ExchangeError]]:
    return {kind}.union(*(everything_below(one) for one in kind.__subclasses__()))


def test_no_error_is_left_out() -> None:
    assert set(KINDS) == {
        one for one in everything_below(errors.ExchangeError) if one.__module__ == "exchange.errors"
    }


@pytest.mark.parametrize(("error", "kind"), KINDS.items())
def test_an_error_is_told_in_a_word(error: type[errors.ExchangeError], kind: str) -> None:
    outcome = Outcome(False, error("no"), "report_usage", 1.0)
    assert outcome.kind == kind
    assert outcome.was_tried == (kind not in ("too_many_calls", "circuit_open"))


def test_no_error_is_ok() -> None:
    outcome = Outcome(True, None, "report_usage", 1.0)
    assert (outcome.kind, outcome.was_tried) == ("ok", True)
