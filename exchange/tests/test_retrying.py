"""What the client repeats, how long it waits, and which error comes in the end."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses
import urllib3.exceptions

from exchange import (
    AmbiguousOutcome,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    ExchangeUnreachable,
    RateLimited,
    RetryPolicy,
)
from exchange.tests import examples
from exchange.tests.examples import BASE, FakeTime, client, every_call, report
from exchange.tests.test_refusals import METHODS, PATHS, everywhere, failure

READS = [name for name in METHODS if name not in {"register_user", "publish_service", "report_usage"}]
UPSERTS = ["register_user", "publish_service"]
LOST = requests.ConnectionError("Connection aborted.", ConnectionResetError(104, "reset"))
REFUSED = requests.ConnectionError(
    urllib3.exceptions.MaxRetryError(
        None,  # type: ignore[arg-type]
        "/",
        urllib3.exceptions.NewConnectionError(None, "refused"),  # type: ignore[arg-type]
    )
)


def in_turn(*answers: Any) -> Callable[[], int]:
    """Give these answers one after the other, the last one ever after; the callable counts the requests."""
    asked = 0

    def answer(_: requests.PreparedRequest) -> Any:
        nonlocal asked
        asked += 1
        given = answers[min(asked, len(answers)) - 1]
        return (
            given
            if isinstance(given, Exception)
            else (given[0], given[2] if len(given) > 2 else {}, given[1])
        )

    for path in PATHS:
        for method in ("GET", "POST"):
            responses.add_callback(method, BASE + path, callback=answer)
    return lambda: asked


@responses.activate
@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
@pytest.mark.parametrize("name", READS)
def test_a_read_is_repeated_on_5xx_and_then_unavailable(name: str, status: int) -> None:
    everywhere(status)
    error = failure(name)
    assert type(error) is ExchangeUnavailable
    assert (error.status, error.attempts, len(responses.calls)) == (status, 3, 3)
    assert f"status {status}" in error.sentence


@responses.activate
@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("name", UPSERTS)
def test_registering_and_publishing_are_repeated_and_then_ambiguous(name: str, status: int) -> None:
    everywhere(status)
    error = failure(name)
    assert isinstance(error, AmbiguousOutcome)
    assert (error.cause_kind, error.attempts) == (f"status {status}", 3)
    assert "again is safe" in error.sentence


@responses.activate
@pytest.mark.parametrize("status", range(500, 600))
def test_a_report_that_met_a_5xx_is_ambiguous_and_sent_once(status: int) -> None:
    everywhere(status)
    error = failure("report_usage")
    assert isinstance(error, AmbiguousOutcome)
    assert (error.cause_kind, error.attempts, len(responses.calls)) == (f"status {status}", 1, 1)
    assert "Look at its totals" in error.sentence


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("name", METHODS)
def test_a_redirect_is_followed_by_no_method(name: str, status: int) -> None:
    everywhere(status, headers={"Location": f"{BASE}/elsewhere"})
    error = failure(name)
    assert type(error) is (AmbiguousOutcome if name == "report_usage" else ExchangeProtocolError)
    assert (error.status, len(responses.calls)) == (status, 1)


@responses.activate
@pytest.mark.parametrize("status", [501, 505])
def test_what_the_server_will_never_do_is_not_repeated(status: int) -> None:
    everywhere(status)
    assert failure("list_providers").attempts == 1


@responses.activate
@pytest.mark.parametrize(
    ("name", "kind", "attempts"),
    [
        *((name, ExchangeUnavailable, 3) for name in READS),
        *((name, AmbiguousOutcome, 3) for name in UPSERTS),
        ("report_usage", AmbiguousOutcome, 1),
    ],
)
def test_a_lost_answer(name: str, kind: type[ExchangeError], attempts: int) -> None:
    count = in_turn(LOST)
    error = failure(name)
    assert type(error) is kind
    assert (error.status, error.attempts, count()) == (None, attempts, attempts)
    assert "answer lost" in error.sentence


@responses.activate
@pytest.mark.parametrize("name", METHODS)
def test_where_no_connection_was_made_every_method_tries_again(name: str) -> None:
    count = in_turn(REFUSED)
    error = failure(name)
    assert type(error) is ExchangeUnreachable
    assert (error.attempts, count()) == (3, 3)


@responses.activate
@pytest.mark.parametrize("name", METHODS)
def test_a_connect_timeout_has_waited_long_enough(name: str) -> None:
    count = in_turn(requests.ConnectTimeout("timed out"))
    error = failure(name)
    assert type(error) is ExchangeUnreachable
    assert "timed out" in error.sentence
    assert count() == 1


@responses.activate
def test_an_unknown_name_is_unreachable() -> None:
    cause = socket.gaierror(socket.EAI_NONAME, "unknown")
    name_error = urllib3.exceptions.NameResolutionError("x", None, cause)  # type: ignore[arg-type]
    error = requests.ConnectionError(name_error)
    name_error.__cause__ = cause
    in_turn(error)
    assert "unknown host name" in failure("report_usage").sentence


@responses.activate
@pytest.mark.parametrize("trouble", [(503, ""), (429, ""), LOST, REFUSED])
def test_a_read_that_works_the_second_time_is_a_success(trouble: Any) -> None:
    count = in_turn(trouble, (200, '{"providers": []}'))
    assert client().list_providers() == []
    assert count() == 2


@responses.activate
@pytest.mark.parametrize("trouble", [(429, ""), REFUSED])
def test_a_report_that_was_certainly_not_processed_is_sent_again_under_the_same_key(trouble: Any) -> None:
    in_turn(trouble, (201, ""))
    assert client().report_usage(report(), idempotency_key="key-1").created is True
    assert [call.request.headers["Idempotency-Key"] for call in responses.calls] == ["key-1", "key-1"]
    assert responses.calls[0].request.body == responses.calls[1].request.body


@responses.activate
@pytest.mark.parametrize("trouble", [(503, ""), (500, ""), LOST])
def test_a_proved_report_is_sent_again_under_the_same_key(trouble: Any) -> None:
    in_turn(trouble, (200, json.dumps({"entry": examples.entry()})))
    receipt = client().report_usage(report(), idempotency_key="key-1", idempotency_proved=True)
    assert receipt.idempotency_proved
    assert [call.request.headers["Idempotency-Key"] for call in responses.calls] == ["key-1", "key-1"]


PROVED = {"idempotency_key": "key-1", "idempotency_proved": True}


@responses.activate
@pytest.mark.parametrize("later", [REFUSED, (429, ""), (409, ""), (401, ""), (408, "")])
def test_a_doubt_is_not_settled_by_a_later_attempt_that_did_not_get_through(later: Any) -> None:
    in_turn(LOST, later)
    with pytest.raises(AmbiguousOutcome) as caught:
        client().report_usage(report(), **PROVED)  # type: ignore[arg-type]
    assert caught.value.cause_kind == "answer lost"


@responses.activate
@pytest.mark.parametrize("later", [REFUSED, (429, ""), (302, ""), (409, "")])
@pytest.mark.parametrize("name", UPSERTS)
def test_a_doubt_about_an_upsert_stays_as_well(name: str, later: Any) -> None:
    in_turn(LOST, later)
    assert isinstance(failure(name), AmbiguousOutcome)


@responses.activate
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_doubt_is_settled_by_a_refusal_that_the_first_attempt_must_have_met_too(status: int) -> None:
    in_turn((503, ""), (status, '{"error": "no"}'))
    with pytest.raises(ExchangeRejected):
        client().report_usage(report(), **PROVED)  # type: ignore[arg-type]


@responses.activate
def test_a_report_that_was_refused_by_429_first_and_then_lost_is_ambiguous() -> None:
    in_turn((429, ""), LOST)
    error = failure("report_usage")
    assert isinstance(error, AmbiguousOutcome)
    assert error.attempts == 2


@responses.activate
def test_pauses_grow_and_are_jittered() -> None:
    everywhere(503)
    time = FakeTime()
    failure("list_providers", time=time, retry=RetryPolicy(max_attempts=4, base_delay=0.2, max_delay=0.5))
    for pause, ceiling in zip(time.slept, (0.2, 0.4, 0.5), strict=True):
        assert ceiling / 2 <= pause <= ceiling


@responses.activate
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(status: int) -> None:
    in_turn((status, "", {"Retry-After": "4"}), (200, '{"providers": []}'))
    time = FakeTime()
    client(time=time).list_providers()
    assert time.slept == [4.0]


@responses.activate
@pytest.mark.parametrize("wish", ["11", "999999999999", "Fri, 31 Jan 3025 12:00:30 GMT"])
def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once(wish: str) -> None:
    everywhere(429, headers={"Retry-After": wish})
    time = FakeTime()
    error = failure("list_providers", time=time)
    assert isinstance(error, RateLimited)
    assert (time.slept, error.attempts) == ([], 1)
    assert error.retry_after is not None
    assert 10 < error.retry_after <= 86_400


@responses.activate
def test_attempts_end_with_the_deadline() -> None:
    everywhere(503)
    time = FakeTime()
    target = client(time=time, retry=RetryPolicy(max_attempts=1000, base_delay=1, max_delay=1))
    with pytest.raises(ExchangeUnavailable):
        target.list_providers(deadline=3)
    assert sum(time.slept) < 3
    assert 3 <= len(responses.calls) <= 6


@responses.activate
@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
@pytest.mark.parametrize("name", ["list_providers", "report_usage"])
def test_without_time_nothing_is_sent(name: str, deadline: float) -> None:
    arguments = [report()] if name == "report_usage" else []
    with pytest.raises(ExchangeUnreachable, match="no time was left") as caught:
        getattr(client(), name)(*arguments, deadline=deadline)
    assert (caught.value.attempts, len(responses.calls)) == (0, 0)


@responses.activate
def test_a_deadline_may_be_infinite() -> None:
    everywhere(200, b'{"providers": []}')
    assert client().list_providers(deadline=float("inf")) == []


@responses.activate
def test_all_attempts_of_a_call_carry_one_request_id_and_calls_differ() -> None:
    everywhere(503)
    target = client()
    for _ in range(2):
        with pytest.raises(ExchangeUnavailable):
            every_call(target)["list_providers"]()
    ids = [call.request.headers["X-Request-ID"] for call in responses.calls]
    assert len(ids) == 6
    assert (len(set(ids[:3])), len(set(ids[3:])), len(set(ids))) == (1, 1, 2)


@responses.activate
@pytest.mark.parametrize("odd", ["", "a\r\nX-Injected: 1", "ä", "x" * 129, None])
def test_a_request_id_that_no_header_can_carry_is_replaced(odd: Any) -> None:
    everywhere(200, b'{"providers": []}')
    client(request_id=lambda: odd).list_providers()
    sent = responses.calls[0].request.headers["X-Request-ID"]
    assert sent != odd
    assert len(sent) == 36
