"""The log lines of the wire: what they say, and what they never say."""

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
import responses
from structlog.testing import capture_logs

from exchange import ExchangeError, Gateway, Role
from exchange.tests import examples
from exchange.tests.examples import BASE, client, report
from exchange.tests.raw_server import RawServer, http, raw_server
from exchange.tests.test_retrying import LOST, in_turn

Lines = list[MutableMapping[str, Any]]


@responses.activate
def test_a_call_is_a_request_line_and_a_response_line() -> None:
    in_turn((200, json.dumps({"summary": examples.summary()})))
    with capture_logs() as lines:
        client(request_id=lambda: "id-1").get_usage_summary(7)
    about = {"component": "gateway/http", "method": "GET", "request_id": "id-1", "attempt": 1}
    about["url"] = f"{BASE}/usage/summary?user_id=7"
    assert lines == [
        {"event": "http_request", "log_level": "info", **about},
        {"event": "http_response", "log_level": "info", "status": 200, "duration_ms": 0.0, **about},
    ]


@responses.activate
def test_each_attempt_is_logged_with_its_number() -> None:
    in_turn((503, ""), LOST, (200, '{"providers": []}'))
    with capture_logs() as lines:
        client().list_providers()
    seen = [(line["event"], line["attempt"], line.get("status"), line.get("reason")) for line in lines]
    assert seen == [
        ("http_request", 1, None, None),
        ("http_error", 1, 503, "status 503"),
        ("http_request", 2, None, None),
        ("http_error", 2, None, "answer lost"),
        ("http_request", 3, None, None),
        ("http_response", 3, 200, None),
    ]


@responses.activate
def test_a_refusal_names_its_rules() -> None:
    in_turn((400, json.dumps({"error": "refused", "rules": [{"id": "PRICE_CEILING"}, "FORBIDDEN_WORD"]})))
    with capture_logs() as lines, pytest.raises(ExchangeError):
        client().list_providers()
    assert lines[1]["rules"] == "PRICE_CEILING,FORBIDDEN_WORD"
    assert (lines[1]["event"], lines[1]["status"], lines[1]["log_level"]) == ("http_error", 400, "warning")


def test_an_answer_that_breaks_off_is_an_error_line() -> None:
    half = http(200, b"{")[:-1]
    with (
        raw_server(lambda connection, _: connection.sendall(half)) as server,
        client(server.url) as target,
        capture_logs() as lines,
        pytest.raises(ExchangeError),
    ):
        target.list_providers()
    assert isinstance(server, RawServer)
    assert (lines[1]["event"], lines[1]["status"], lines[1]["reason"]) == ("http_error", 200, "answer lost")


def everything_logged(lines: Lines) -> str:
    return json.dumps(lines, default=str)


@responses.activate
def test_no_email_memo_name_or_key_is_ever_logged() -> None:
    account = {"user": examples.user(), "provider": examples.provider()}
    responses.post(f"{BASE}/users", json=account)
    responses.post(f"{BASE}/usage", json={"entry": examples.entry(memo="secret memo")})
    with capture_logs() as lines:
        gateway = Gateway(client())
        gateway.ensure_account("ada@example.com", [Role.PROVIDER], "Secret Name", "Secret Words")
        gateway.record_consumption(11, 1, 1, memo="secret memo", idempotency_key="key-1")
    text = everything_logged(lines)
    assert len(lines) == 6
    assert not any(secret in text for secret in ("ada@", "secret", "Secret", "key-1"))
    core = [line for line in lines if line["component"] == "gateway/core"]
    assert [line["event"] for line in core] == ["account_ensured", "usage_recorded"]


@responses.activate
def test_what_the_server_says_cannot_forge_a_line_nor_echo_an_email() -> None:
    said = "ada@example.com is bad\r\n[gateway/http] http_response status=200\x1b[0m" + "x" * 5000
    in_turn((400, json.dumps({"error": said, "rules": ["A\r\nB"]})))
    with capture_logs() as lines, pytest.raises(ExchangeError):
        client().report_usage(report())
    text = everything_logged(lines)
    assert "ada@" not in text
    assert not any(forged in text for forged in ("\\r", "\\n", "\\u001b"))
    assert lines[1]["rules"] == "A B"
    assert len(lines[1]["reason"]) <= 300


@responses.activate
def test_a_listener_that_raises_is_logged_with_its_traceback() -> None:
    in_turn((200, '{"providers": []}'))
    with capture_logs() as lines:
        client(on_outcome=lambda _: 1 / 0).list_providers()  # type: ignore[arg-type,return-value]
    assert (lines[-1]["event"], lines[-1]["operation"]) == ("outcome_listener_failed", "list_providers")
    assert lines[-1]["exc_info"]
