from __future__ import annotations

import pytest

from exchange import (
    AmbiguousOutcome,
    CircuitOpen,
    ComplianceRefusal,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    RateLimited,
    Rule,
    Sentence,
    TooManyCalls,
    UsageReceipt,
)
from usage.delivering.outcomes import MOST_CONFLICTS, Outcome, backoff, counted, failed

RULE = Rule("TOKEN_CEILING", "Too many.")


def refused(status: int, words: str = "No.") -> ExchangeRejected:
    return ExchangeRejected(Sentence("Refused: %(words)s", words=words), status=status, attempts=1)


def judge(error: Exception, *, proved: bool = False, number: int = 1) -> Outcome:
    return failed(error, proved=proved, number=number)


UNTRIED = [
    CircuitOpen("The breaker is open.", retry_in=4.0),
    TooManyCalls("Others wait."),
    ExchangeUnreachable("No time was left.", attempts=0),
]


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("error", UNTRIED)
def test_what_was_not_tried_waits_and_says_nothing_of_the_exchange(
    error: ExchangeError, proved: bool
) -> None:
    outcome = judge(error, proved=proved)
    assert (outcome.state, outcome.attempt) == ("pending", "pending")
    assert (outcome.untried, outcome.trouble, outcome.waits) == (True, False, False)


@pytest.mark.parametrize("proved", [True, False])
def test_an_exchange_that_is_not_there_has_counted_nothing(proved: bool) -> None:
    outcome = judge(ExchangeUnreachable("Refused.", attempts=3), proved=proved)
    assert (outcome.state, outcome.attempt) == ("pending", "pending")
    # it is the Exchange's trouble, not the entry's
    assert (outcome.untried, outcome.trouble, outcome.waits) == (False, True, False)


@pytest.mark.parametrize("proved", [True, False])
def test_a_rate_limit_is_honoured(proved: bool) -> None:
    outcome = judge(RateLimited("Slower.", retry_after=90.0, status=429), proved=proved)
    assert (outcome.state, outcome.attempt) == ("pending", "pending")
    assert (outcome.trouble, outcome.waits, outcome.retry_after) == (True, True, 90.0)


def test_a_compliance_refusal_keeps_every_rule() -> None:
    error = ComplianceRefusal("By the rules.", rules=(RULE, Rule("OTHER")), status=400, request_id="r-1")
    outcome = judge(error)
    assert (outcome.state, outcome.attempt) == ("rejected", "rejected")
    assert outcome.rules == [{"id": "TOKEN_CEILING", "message": "Too many."}, {"id": "OTHER", "message": ""}]
    assert (outcome.error, outcome.status, outcome.request_id) == ("By the rules.", 400, "r-1")
    assert not outcome.trouble


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("status", [400, 402, 404, 409, 410, 413, 422, 451])
def test_a_judgement_about_the_entry_is_final(status: int, proved: bool) -> None:
    outcome = judge(refused(status), proved=proved)
    assert (outcome.state, outcome.trouble, outcome.waits) == ("rejected", False, False)


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("error", [refused(status) for status in (401, 403, 405, 407, 421, 425, 431)])
def test_a_front_servers_refusal_says_nothing_about_the_entry(error: ExchangeError, proved: bool) -> None:
    outcome = judge(error, proved=proved)
    assert (outcome.state, outcome.attempt) == ("pending", "pending")
    # and if this entry alone meets it, it does not stop the others
    assert (outcome.trouble, outcome.waits) == (True, True)


def test_a_404_without_a_word_is_no_judgement() -> None:
    assert judge(refused(404, words="")).state == "pending"


def test_rules_are_a_judgement_under_any_status() -> None:
    error = ExchangeRejected("No.", rules=(RULE,), status=403)
    assert judge(error).state == "rejected"


DOUBTS = [
    AmbiguousOutcome("Nobody knows.", cause_kind="status 503", status=503, attempts=1),
    AmbiguousOutcome("Nobody knows.", cause_kind="answer lost", attempts=1),
    ExchangeProtocolError("It makes no sense.", status=302),
    ExchangeUnavailable("In trouble.", status=500),
    refused(408),
    RuntimeError("a fault of ours"),
]


@pytest.mark.parametrize("error", DOUBTS)
def test_what_is_in_doubt_is_uncertain(error: Exception) -> None:
    outcome = judge(error, proved=False)
    assert (outcome.state, outcome.attempt, outcome.trouble) == ("uncertain", "uncertain", True)


@pytest.mark.parametrize("error", DOUBTS)
def test_what_is_in_doubt_is_repeated_where_a_repeat_counts_once(error: Exception) -> None:
    outcome = judge(error, proved=True)
    assert (outcome.state, outcome.attempt) == ("pending", "uncertain")
    assert (outcome.trouble, outcome.waits) == (True, True)


def test_a_conflict_after_a_repeat_is_asked_about_again_and_believed_in_the_end() -> None:
    states = [judge(refused(409), proved=True, number=number).state for number in range(1, 7)]
    assert states == ["rejected", *["pending"] * (MOST_CONFLICTS - 2), "rejected", "rejected"]
    assert judge(refused(409), proved=False, number=2).state == "rejected"


def test_a_receipt_without_a_word_is_a_delivery() -> None:
    outcome = counted(UsageReceipt())
    assert (outcome.state, outcome.status, outcome.receipt) == ("delivered", None, None)


@pytest.mark.parametrize(("created", "status"), [(True, 201), (False, 200)])
def test_a_receipt_tells_whether_it_was_counted_now(created: bool, status: int) -> None:
    assert counted(UsageReceipt(created=created)).status == status


def test_no_error_is_too_long_or_too_odd_to_be_kept() -> None:
    outcome = judge(RuntimeError("a\0b" + "c" * 5000))
    assert outcome.error == "ab" + "c" * 998


def test_backoff_doubles_from_a_second_to_five_minutes() -> None:
    assert [backoff(failures, 1.0) for failures in (0, 1, 2, 3, 8, 9, 10, 5000)] == [
        1, 1, 2, 4, 128, 256, 300, 300,
    ]  # fmt: skip
    assert backoff(1, 0.0) == 0.5
    assert backoff(1, 1.0, retry_after=77.0) == 77
