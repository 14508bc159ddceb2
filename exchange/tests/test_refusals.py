"""Every error form of the contract, over the wire, for every method of the client."""

import json
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import (
    ComplianceRefusal,
    ExchangeError,
    ExchangeRejected,
    RateLimited,
    RetryPolicy,
    Rule,
    StatementNotOffered,
)
from exchange.tests.examples import BASE, FakeTime, client, every_call, report

METHODS = sorted(every_call(client()))
PATHS = ["/users", "/providers", "/services", "/usage", "/usage/summary", "/usage/statement"]
FORMS: list[tuple[bytes, str, str | None]] = [
    (b'{"error": "no such thing"}', "no such thing", None),
    (b'{"error": {"code": "NO_THING", "message": "no such thing"}}', "no such thing", "NO_THING"),
    (b"no such thing", "no such thing", None),
    (b"", "", None),
    (b"<html>no such thing</html>", "", None),
    (b"{broken", "", None),
    (b"[1]", "", None),
]
CEILING = {"id": "PRICE_CEILING", "message": "above 10 USD"}
RULES: list[tuple[dict[str, Any], tuple[Rule, ...]]] = [
    (
        {"rules": [CEILING, {"id": "FORBIDDEN_WORD"}]},
        (Rule("PRICE_CEILING", "above 10 USD"), Rule("FORBIDDEN_WORD")),
    ),
    ({"rules": ["PRICE_CEILING", "FORBIDDEN_WORD"]}, (Rule("PRICE_CEILING"), Rule("FORBIDDEN_WORD"))),
    ({"violations": [CEILING]}, (Rule("PRICE_CEILING", "above 10 USD"),)),
    ({"rule": "PRICE_CEILING"}, (Rule("PRICE_CEILING"),)),
    ({"rule": CEILING}, (Rule("PRICE_CEILING", "above 10 USD"),)),
    ({"rule_id": "PRICE_CEILING"}, (Rule("PRICE_CEILING"),)),
]


def everywhere(status: int, body: bytes | str | None = None, headers: dict[str, str] | None = None) -> None:
    for path in PATHS:
        for method in ("GET", "POST"):
            responses.add(method, BASE + path, status=status, body=body or b"", headers=headers)


def failure(name: str, **options: Any) -> ExchangeError:
    with pytest.raises(ExchangeError) as caught:
        every_call(client(**options))[name]()
    return caught.value


@responses.activate
@pytest.mark.parametrize(("body", "words", "code"), FORMS)
@pytest.mark.parametrize("name", METHODS)
def test_each_method_reads_each_error_form(name: str, body: bytes, words: str, code: str | None) -> None:
    everywhere(400, body, {"X-Request-ID": "theirs-1"})
    error = failure(name, request_id=lambda: "ours-1")
    assert type(error) is ExchangeRejected
    assert error.sentence == f"The Exchange refused the request (status 400){': ' + words if words else '.'}"
    assert (error.code, error.rules, error.status, error.attempts) == (code, (), 400, 1)
    assert (error.request_id, error.server_request_id) == ("ours-1", "theirs-1")
    assert error.method == responses.calls[0].request.method
    assert error.url == responses.calls[0].request.url
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(("document", "rules"), RULES)
@pytest.mark.parametrize("name", METHODS)
def test_each_method_keeps_the_rules_that_were_broken(
    name: str, document: dict[str, Any], rules: tuple[Rule, ...]
) -> None:
    everywhere(400, json.dumps({"error": "refused", **document}))
    error = failure(name)
    assert isinstance(error, ComplianceRefusal)
    assert error.rules == rules
    assert error.rule_ids == tuple(rule.id for rule in rules)
    assert all(rule.id in error.sentence and rule.message in error.sentence for rule in rules)


@responses.activate
def test_rules_with_another_status_are_kept_but_are_no_compliance_refusal() -> None:
    everywhere(403, json.dumps({"error": "no", "rules": ["A"]}))
    error = failure("publish_service")
    assert type(error) is ExchangeRejected
    assert error.rules == (Rule("A"),)


@responses.activate
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425, 451, 499])
@pytest.mark.parametrize("name", METHODS)
def test_a_4xx_is_a_rejection_and_not_repeated(name: str, status: int) -> None:
    everywhere(status)
    error = failure(name)
    expected = StatementNotOffered if (name, status) == ("iter_statement", 404) else ExchangeRejected
    assert type(error) is expected
    assert (error.status, len(responses.calls)) == (status, 1)


@responses.activate
@pytest.mark.parametrize("name", METHODS)
def test_a_429_is_repeated_for_every_method_and_then_rate_limited(name: str) -> None:
    everywhere(429, b'{"error": {"code": "SLOW", "message": "slow down"}}', {"Retry-After": "2"})
    time = FakeTime()
    error = failure(name, time=time)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.code, error.attempts) == (2.0, "SLOW", 3)
    assert "in 2 s" in error.sentence
    assert time.slept == [2.0, 2.0]


@responses.activate
def test_a_429_without_a_time_says_later() -> None:
    everywhere(429)
    error = failure("report_usage", retry=RetryPolicy(max_attempts=1))
    assert isinstance(error, RateLimited)
    assert error.retry_after is None
    assert "Try again later" in error.sentence


@responses.activate
def test_a_long_error_body_is_not_read_to_its_end() -> None:
    everywhere(400, b'{"error": "' + b"x" * 1_000_000 + b'"}')
    assert failure("list_providers").sentence == "The Exchange refused the request (status 400)."


@responses.activate
@pytest.mark.parametrize("theirs", ["a b", "x" * 200, "a\tb"])
def test_an_odd_request_id_of_theirs_is_left_out(theirs: str) -> None:
    everywhere(400, headers={"X-Request-ID": theirs})
    assert failure("list_providers").server_request_id is None


@settings(max_examples=50)
@given(body=st.binary(max_size=200), status=st.integers(400, 499).filter(lambda status: status != 429))
def test_whatever_a_refusal_holds_it_is_a_rejection_with_a_one_line_sentence(
    body: bytes, status: int
) -> None:
    with responses.RequestsMock() as wire:
        wire.post(f"{BASE}/usage", body=body, status=status)
        with pytest.raises(ExchangeRejected) as caught:
            client().report_usage(report())
    assert "\n" not in caught.value.sentence
    assert str(caught.value) == caught.value.sentence
