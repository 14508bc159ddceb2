from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.retry import (
    Decision,
    Failure,
    Meaning,
    Operation,
    RetryPolicy,
    decide,
    delay_before_retry,
    is_breaker_failure,
    parse_retry_after,
)

READ, UPSERT, REPORT, PROVED = Operation.READ, Operation.UPSERT, Operation.REPORT, Operation.PROVED_REPORT
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
EVERY_STATUS = range(100, 600)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("status", range(200, 300))
def test_any_2xx_is_done(operation: Operation, status: int) -> None:
    assert decide(operation, status) == Decision(Meaning.DONE)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("status", range(400, 500))
def test_a_4xx_is_final_save_429(operation: Operation, status: int) -> None:
    expected = Decision(Meaning.RATE_LIMITED, repeat=True) if status == 429 else Decision(Meaning.REJECTED)
    assert decide(operation, status) == expected


@pytest.mark.parametrize("status", range(500, 600))
def test_a_5xx_is_repeated_only_where_a_repeat_does_no_harm(status: int) -> None:
    transient = status not in {501, 505}
    assert decide(READ, status) == Decision(Meaning.UNAVAILABLE, repeat=transient)
    assert decide(UPSERT, status) == Decision(Meaning.AMBIGUOUS, repeat=transient)
    assert decide(REPORT, status) == Decision(Meaning.AMBIGUOUS, repeat=False)
    assert decide(PROVED, status) == Decision(Meaning.AMBIGUOUS, repeat=transient)


@pytest.mark.parametrize("status", [*range(100, 200), *range(300, 400), 0, 99, 600, 999])
def test_a_status_without_meaning_is_a_misfit_or_for_a_report_ambiguous(status: int) -> None:
    assert decide(READ, status) == Decision(Meaning.UNCHANGED if status == 304 else Meaning.MISFIT)
    assert decide(UPSERT, status) == Decision(Meaning.MISFIT)
    assert decide(REPORT, status) == Decision(Meaning.AMBIGUOUS)
    assert decide(PROVED, status) == Decision(Meaning.AMBIGUOUS)


@pytest.mark.parametrize(
    ("failure", "read", "upsert", "report", "proved"),
    [
        (Failure.NO_CONNECTION, "unreachable+", "unreachable+", "unreachable+", "unreachable+"),
        (Failure.CONNECT_TIMEOUT, "unreachable", "unreachable", "unreachable", "unreachable"),
        (Failure.LOST, "unavailable+", "ambiguous+", "ambiguous", "ambiguous+"),
        (Failure.DEADLINE, "unavailable", "ambiguous", "ambiguous", "ambiguous"),
        (Failure.GARBLED, "misfit", "misfit", "ambiguous", "ambiguous"),
        (Failure.TOO_LARGE, "misfit", "misfit", "ambiguous", "ambiguous"),
    ],
)
def test_each_failure_for_each_operation(
    failure: Failure, read: str, upsert: str, report: str, proved: str
) -> None:
    for operation, expected in ((READ, read), (UPSERT, upsert), (REPORT, report), (PROVED, proved)):
        decision = decide(operation, failure)
        assert decision.meaning.value + "+" * decision.repeat == expected


def test_the_failures_above_are_all_there_are() -> None:
    assert len(Failure) == 6


@pytest.mark.parametrize("outcome", [*EVERY_STATUS, *Failure])
def test_a_report_is_repeated_without_proof_only_if_it_was_certainly_not_processed(
    outcome: int | Failure,
) -> None:
    assert decide(REPORT, outcome).repeat == (outcome in {429, Failure.NO_CONNECTION})


@pytest.mark.parametrize("outcome", [*EVERY_STATUS, *Failure])
def test_the_breaker_counts_a_server_in_trouble_and_nothing_else(outcome: int | Failure) -> None:
    if isinstance(outcome, Failure):
        assert is_breaker_failure(outcome) == (outcome not in {Failure.GARBLED, Failure.TOO_LARGE})
    else:
        assert is_breaker_failure(outcome) == (outcome >= 500)


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 2.0), (10**6, 2.0)]
)
def test_the_pause_doubles_up_to_its_ceiling_and_is_jittered_down_to_half(
    attempt: int, ceiling: float
) -> None:
    policy = RetryPolicy(base_delay=0.2, max_delay=2.0)
    assert delay_before_retry(policy, attempt, jitter=1.0) == pytest.approx(ceiling)
    assert delay_before_retry(policy, attempt, jitter=0.0) == pytest.approx(ceiling / 2)


def test_the_pause_is_never_shorter_than_what_the_server_asks_for_nor_than_our_own() -> None:
    policy = RetryPolicy()
    assert delay_before_retry(policy, 1, jitter=1.0, retry_after=7.0) == 7.0
    assert delay_before_retry(policy, 1, jitter=1.0, retry_after=0.0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        ("Fri, 31 Jan 2025 12:00:30 GMT", 30.0),
        ("Fri, 31 Jan 2025 11:00:00 GMT", 0.0),
        ("Fri, 31 Jan 2025 12:00:30 -0000", 30.0),
        ("9" * 60, 86_400.0),
        ("Fri, 31 Jan 3025 12:00:30 GMT", 86_400.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 10_000, None),
    ],
)
def test_it_reads_retry_after(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text(max_size=64) | st.text(alphabet="0123456789:, JanFriGMT+-", max_size=40))
def test_an_odd_retry_after_never_raises(header: str) -> None:
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@pytest.mark.parametrize(
    "values", [{"max_attempts": 0}, {"base_delay": -1}, {"base_delay": 3, "max_delay": 2}]
)
def test_a_senseless_policy_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retry policy"):
        RetryPolicy(**values)  # type: ignore[arg-type]
