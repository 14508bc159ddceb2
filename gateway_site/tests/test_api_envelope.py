"""One envelope for every refusal under /api/, the request's name in it and in the header, and no cache."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from django.conf import settings as site
from django.db import OperationalError
from django.test import Client

from accounts.api import profile as profile_api
from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.api import BASE, Caller, nobody, person, program, refusal, told
from catalog.tests.mirrored import make_mirror
from gateway_site.log_format import formatter

pytestmark = pytest.mark.django_db


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *args: object) -> bytes:
        raise AssertionError("the body was read")


class BrokenOff(io.BytesIO):
    """A body whose sender hangs up."""

    def read(self, *args: object) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")


def quiet(caller: Caller) -> Caller:
    """Answered as a browser is, where the test client would raise what went wrong."""
    caller.client.raise_request_exception = False
    return caller


# requests have names


def test_each_request_has_a_name_of_ours(account: ExchangeAccount) -> None:
    caller = program(account.user)
    names = [caller.get("/profile", HTTP_X_REQUEST_ID="theirs\r\nX: y")["X-Request-ID"] for _ in range(2)]
    assert len(set(names)) == 2
    assert all(len(name) == 32 and name.isalnum() for name in names)


def test_a_refusals_name_is_in_the_header_and_in_the_envelope() -> None:
    for response in (nobody().get("/profile"), nobody().get("/nothing"), nobody().send("PUT", "/profile")):
        assert told(response)["error"]["request_id"] == response["X-Request-ID"]


# what others refuse


@pytest.mark.parametrize("path", ["/nothing", "/", "/profile/", "//profile", "/usage/logs/1/2", "/%00", "/é"])
def test_an_address_that_is_none(path: str) -> None:
    response = nobody().get(path)
    assert refusal(response) == (404, "not_found", None)
    assert response["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("PUT", "/profile", "GET"), ("GET", "/auth/login", "POST")]
)
def test_a_method_that_an_address_does_not_take(method: str, path: str, allowed: str) -> None:
    response = nobody().send(method, path)
    assert refusal(response) == (405, "method_not_allowed", None)
    assert response["Allow"] == allowed


def test_a_head_is_answered_without_a_body(account: ExchangeAccount) -> None:
    for path in ("/profile", "/nothing"):
        sent = Client().head(f"{BASE}{path}")
        assert sent.status_code in (404, 405)
        assert sent.content == b""
        assert sent["Content-Type"] == "application/json; charset=utf-8"


def test_a_host_that_is_not_ours() -> None:
    response = Client().get(f"{BASE}/profile", headers={"Host": "evil.example"})
    assert refusal(response) == (400, "bad_request", None)
    assert "evil" not in response.content.decode()


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/keys", site.DATA_UPLOAD_MAX_MEMORY_SIZE), ("/usage", 8_000_000), ("/auth/login", 1_000_000)],
)
def test_a_body_that_is_too_long_is_not_read(path: str, limit: int, account: ExchangeAccount) -> None:
    extra = {"CONTENT_LENGTH": str(limit + 1), "wsgi.input": Unread()}
    response = program(account.user).post(path, b"{}", **extra)
    assert refusal(response) == (413, "too_large", None)
    assert response["Cache-Control"] == "private, no-store"


def test_a_body_without_a_length_is_not_guessed_at(account: ExchangeAccount) -> None:
    client = Client()
    response = client.generic(
        "POST", f"{BASE}/usage", b"", content_type="application/json", HTTP_TRANSFER_ENCODING="chunked"
    )
    assert refusal(response) == (411, "length_required", None)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_a_body_of_another_kind(content_type: str, account: ExchangeAccount) -> None:
    response = program(account.user).post("/usage", b"{}", content_type=content_type)
    assert refusal(response) == (415, "unsupported_media_type", "Content-Type")


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[" * 100_000, b'{"a": 1e999999999}', b"[" + b"9" * 100 + b"]", b'{"a": Infinity}'],
)
def test_a_body_that_is_no_json(body: bytes, account: ExchangeAccount) -> None:
    assert refusal(program(account.user).post("/usage", body)) == (400, "malformed", None)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/verify", "/keys", "/services", "/usage"])
def test_a_body_that_breaks_off_is_no_fault(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caller = person(make_account(provider=True).user)
    extra = {"CONTENT_LENGTH": "100", "wsgi.input": BrokenOff()}
    assert refusal(caller.post(path, b"{}", **extra)) == (400, "bad_request", None)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", "a/b;c"])
@pytest.mark.parametrize("length", ["", "0", "2"])
def test_a_form_without_a_form_is_no_fault(account: ExchangeAccount, content_type: str, length: str) -> None:
    caller = quiet(person(account.user))
    response = caller.post("/keys", b"{}", content_type=content_type, CONTENT_LENGTH=length)
    assert refusal(response)[0] in (400, 415, 422)


def test_what_a_middleware_says_of_a_refusal_stays() -> None:
    response = nobody().get("/nothing")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert int(response["Content-Length"]) == len(response.content)
    zipped = nobody().get("/nothing", HTTP_ACCEPT_ENCODING="gzip")
    assert json.loads(zipped.content)["error"]["code"] == "not_found"


def test_a_refusal_leaves_the_database_as_it_is(account: ExchangeAccount) -> None:
    caller = program(account.user)
    for path in ("/nothing", "/profile", "/nothing", "/profile"):
        caller.get(path)
    assert caller.get("/profile").status_code == 200


# faults of ours


def test_a_fault_is_told_without_what_it_was(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_args: Any) -> None:
        raise RuntimeError("the password is sesame")

    monkeypatch.setattr(profile_api, "profile_of", fails)
    with caplog.at_level(logging.ERROR):
        response = quiet(program(account.user)).get("/profile")
    assert refusal(response) == (500, "server_error", None)
    said = response.content.decode() + str(dict(response.items()))
    for text in ("sesame", "RuntimeError", "Traceback", "profile.py"):
        assert text not in said
    faults = [record for record in caplog.records if record.exc_info]
    assert faults
    assert "sesame" in str(faults[-1].exc_info[1])  # type: ignore[index]


def test_a_faults_traceback_is_in_the_log_under_the_requests_name(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(profile_api, "profile_of", fails)
    caller = quiet(program(account.user))
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Kept()
    handler.setFormatter(formatter("text"))
    logging.getLogger().addHandler(handler)
    try:
        response = caller.get("/profile")
    finally:
        logging.getLogger().removeHandler(handler)
    (fault,) = [line for line in lines if "RuntimeError: on purpose" in line]
    assert response["X-Request-ID"] in fault
    assert "Traceback" in fault
    assert "Bearer" not in fault
    assert caller.headers["Authorization"][-43:] not in fault


def test_a_fault_with_debug_on_tells_no_more(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DEBUG = True
    monkeypatch.setattr(profile_api, "profile_of", lambda *_args: 1 / 0)
    response = quiet(program(account.user)).get("/profile")
    assert refusal(response) == (500, "server_error", None)
    assert "ZeroDivisionError" not in response.content.decode()


# nothing is kept by a cache


def test_no_cache_keeps_an_answer(account: ExchangeAccount) -> None:
    make_mirror()
    key, ada = program(account.user), person(account.user)
    answers = [
        caller.get(path)
        for caller in (key, ada, nobody())
        for path in (
            "/profile",
            "/providers",
            "/services",
            "/keys",
            "/budget",
            "/usage/summary",
            "/usage/logs",
            "/nothing",
        )
    ]
    answers += [nobody().post("/auth/login", {"email": "eve@example.com"}), nobody().post("/auth/verify", {})]
    answers += [ada.post("/keys", {"label": "x"}), ada.post("/auth/logout"), nobody().send("PUT", "/keys")]
    assert {answer.status_code for answer in answers} >= {200, 201, 204, 401, 403, 404, 405, 422}
    for answer in answers:
        assert answer["Cache-Control"] == "private, no-store", answer.content
        assert "ETag" not in answer
        assert "Last-Modified" not in answer


# text that is no text


HALF = b'"\\ud800"'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/login", b'{"email": %s}' % HALF),
        ("/auth/login", b"{%s: 1}" % HALF),
        ("/auth/verify", b'{"challenge": %s, "code": "1"}' % HALF),
        ("/auth/verify", b'{"challenge": "x", "code": %s}' % HALF),
        ("/keys", b'{"label": %s}' % HALF),
        ("/keys", b'{"label": "x", %s: 1}' % HALF),
        ("/keys", b'{"label": "x", "tags": [%s]}' % HALF),
        ("/services", b'{"name": %s, "model_family": "x", "price_per_1k_tokens": 1}' % HALF),
        ("/usage", b"{%s: 1}" % HALF),
        ("/usage", b'{"entries": [], %s: 1}' % HALF),
        ("/usage", b'{"entries": [{%s: 1}]}' % HALF),
        ("/usage", b'{"entry_id": %s}' % HALF),
        ("/usage", b'{"service_id":1,"prompt_tokens":1,"completion_tokens":1,"direction":%s}' % HALF),
        (
            "/usage",
            b'{"service_id":1,"prompt_tokens":1,"completion_tokens":1,"direction":"consume","memo":%s}'
            % HALF,
        ),
        (
            "/usage",
            b'{"service_id":1,"prompt_tokens":1,"completion_tokens":1,"direction":"consume",'
            b'"attributes":{%s:1}}' % HALF,
        ),
    ],
)
def test_half_a_character_is_no_fault(path: str, body: bytes) -> None:
    response = person(make_account(provider=True).user).post(path, body)
    assert response.status_code in (200, 422), response.content
    if path != "/usage":
        assert refusal(response)[:2] == (422, "invalid")


@pytest.mark.parametrize(
    "path", ["/services", "/providers", "/usage/logs", "/usage/summary", "/services/choose"]
)
@pytest.mark.parametrize("text", ["a%00b", "%ed%a0%80", "%ff%fe", "%", "a" * 3000, "%F0%9F%98%80", "'%22;--"])
def test_strange_text_in_the_query_is_no_fault(path: str, text: str, account: ExchangeAccount) -> None:
    make_mirror()
    caller = program(account.user)
    for name in (
        "q",
        "family",
        "name",
        "model_family",
        "sort",
        "since",
        "older_than",
        "key",
        "exclude",
        "page",
    ):
        response = caller.client.get(f"{BASE}{path}?{name}={text}", headers=caller.headers)
        assert response.status_code in (200, 404, 422)


def test_a_database_that_cannot_do_it_now_is_said_to_be_busy(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_args: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(profile_api, "profile_of", locked)
    response = program(account.user).get("/profile")
    assert refusal(response) == (503, "busy", None)
    assert int(response["Retry-After"]) > 0
    assert "locked" not in response.content.decode()
