"""What no generator of the API's own requests thinks of: sent byte by byte to a running site.

Never a fault of the server's; and a refusal that the site itself gives has the API's envelope.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.api_callers import key_of, settle_in, signed_in
from tests.site_process import SiteProcess

pytestmark = pytest.mark.own_database

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def bearer(site: SiteProcess) -> Mapping[str, str]:
    settle_in(site, "owner@example.com")
    owner = signed_in(site, "owner@example.com")
    made = key_of(site, owner, "by hand", ["read", "record", "publish"])
    return {"Authorization": f"Bearer {made['secret']}"}


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    def refused(self, status: int, code: str) -> dict[str, Any]:
        """The envelope, after a look at it."""
        assert (self.status, self.headers["Content-Type"]) == (status, "application/json; charset=utf-8"), (
            self.status,
            self.body[:300],
        )
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert error["code"] == code
        assert error["message"]
        assert error["request_id"] == self.headers["X-Request-ID"]
        return error


@pytest.fixture
def ask(site: SiteProcess) -> Any:
    def send(
        method: str, path: str, body: bytes | None = None, headers: Mapping[str, str | bytes] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(str(urlsplit(site.base_url).netloc), timeout=30)
        named = headers or {}
        connection.putrequest(
            method, path, skip_host="Host" in named, skip_accept_encoding="Accept-Encoding" in named
        )
        if body is not None and "Transfer-Encoding" not in named:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        try:
            return Answer(connection.getresponse())
        finally:
            connection.close()

    return send


def raw(site: SiteProcess, request: bytes) -> bytes:
    """The first line of what is answered to these bytes."""
    where = urlsplit(site.base_url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as peer:
        peer.sendall(request)
        return peer.recv(4096).partition(b"\r\n")[0]


def test_another_host_is_refused(ask: Any) -> None:
    ask("GET", "/api/v1/profile", headers={"Host": "evil.example"}).refused(400, "bad_request")


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer",
        b"Bearer ",
        b"bearer tgk_",
        b"Bearer " + b"x" * 7_000,
        "Bearer ключ".encode(),
        b"Bearer \xff\xfe",
        b"Bearer tgk_aaaaaaaa_" + b"a" * 43,
        b"Basic dXNlcjpwYXNz",
        b"tgk_aaaaaaaa_",
        b"Bearer a b c",
        b"Bearer tgk_\xc2\xa0_",
    ],
)
def test_an_odd_authorization_is_nobody(ask: Any, header: bytes) -> None:
    ask("GET", "/api/v1/profile", headers={"Authorization": header}).refused(401, "not_authenticated")


def test_an_authorization_of_ten_kilobytes_is_the_web_servers_to_refuse(site: SiteProcess) -> None:
    told = raw(
        site,
        b"GET /api/v1/profile HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
        + b"x" * 10_000
        + b"\r\n\r\n",
    )
    assert told.split()[1] in (b"400", b"431")


def test_a_nul_in_a_header_is_the_web_servers_to_refuse(site: SiteProcess) -> None:
    told = raw(
        site, b"GET /api/v1/profile HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer a\x00b\r\n\r\n"
    )
    assert told.split()[1] == b"400"


def test_a_very_long_address_is_the_web_servers_to_refuse(ask: Any, bearer: Mapping[str, str]) -> None:
    answer = ask("GET", f"/api/v1/services?q={'a' * 20_000}", headers=bearer)
    assert answer.status == 414


def test_an_address_that_is_as_long_as_it_may_be_is_read(ask: Any, bearer: Mapping[str, str]) -> None:
    answer = ask("GET", f"/api/v1/services?q={'a' * 8_100}", headers=bearer)
    assert answer.refused(422, "invalid")["field"] == "q"


@pytest.mark.parametrize(
    "query",
    [
        "q=%FF%FE",
        "q=%00",
        "q=a&q=b",
        "q[]=a",
        "page=1&page=x",
        "sort=name&sort=",
        "&&&=",
        "q=%ED%A0%80",
        "page=%C2%B2",
    ],
)
def test_an_odd_query_is_answered_or_refused(ask: Any, bearer: Mapping[str, str], query: str) -> None:
    answer = ask("GET", f"/api/v1/services?{query}", headers=bearer)
    if answer.status != 200:
        answer.refused(422, "invalid")


def test_a_thousand_parameters_are_refused(ask: Any, bearer: Mapping[str, str]) -> None:
    ask("GET", "/api/v1/services?" + "&".join("a" for _ in range(1_500)), headers=bearer).refused(
        400, "bad_request"
    )


@pytest.mark.parametrize("path", ["usage", "services"])
@pytest.mark.parametrize(
    "body", [b"null", b"1", b'"text"', b"[]", b"[{}]", b"true", b"{}", b'{"entries": 1}']
)
def test_a_body_of_another_shape_is_invalid(
    ask: Any, bearer: Mapping[str, str], path: str, body: bytes
) -> None:
    ask("POST", f"/api/v1/{path}", body, bearer | JSON).refused(422, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"[" * 60 + b"]" * 60,
        b"1" * 5_000,
        b"1e999999999",
        b"NaN",
        b'{"prompt_tokens": Infinity}',
        b"\x00",
    ],
)
@pytest.mark.parametrize("path", ["usage", "services", "auth/login"])
def test_a_body_that_is_no_json_is_malformed(
    ask: Any, bearer: Mapping[str, str], path: str, body: bytes
) -> None:
    ask("POST", f"/api/v1/{path}", body, bearer | JSON).refused(400, "malformed")


@pytest.mark.parametrize("path", ["usage", "services", "auth/login"])
def test_no_body_at_all_is_refused(ask: Any, bearer: Mapping[str, str], path: str) -> None:
    answer = ask("POST", f"/api/v1/{path}", b"", bearer | JSON)
    answer.refused(answer.status, {400: "malformed", 422: "invalid"}[answer.status])


@pytest.mark.parametrize(
    "value",
    [r"\u0000", r"\ud800", r"\udc00\ud800", "\u202e", "\x7f", "😀" * 300, "a" * 100_000],
)
@pytest.mark.parametrize("field", ["memo", "entry_id", "direction", "occurred_at", "nobody_knows_this"])
def test_text_that_cannot_be_kept_is_invalid_or_recorded(
    ask: Any, bearer: Mapping[str, str], field: str, value: str
) -> None:
    told = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 1, "direction": "consume"}
    body = json.dumps(told | {field: "@"}).replace("@", value).encode()
    answer = ask("POST", "/api/v1/usage", body, bearer | JSON)
    if answer.status != 201:
        answer.refused(422, "invalid")


@pytest.mark.parametrize("number", ["-1", "1.5", "1e3", "9007199254740992", "9" * 60, "-0", "true", '"1"'])
@pytest.mark.parametrize("field", ["service_id", "prompt_tokens", "cached_tokens"])
def test_a_number_that_is_none_of_the_ledgers_is_invalid(
    ask: Any, bearer: Mapping[str, str], field: str, number: str
) -> None:
    told = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 1, "direction": "consume"}
    body = json.dumps(told | {field: "@"}).replace('"@"', number).encode()
    answer = ask("POST", "/api/v1/usage", body, bearer | JSON)
    if answer.status != 201:
        answer.refused(422, "invalid")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""]
)
@pytest.mark.parametrize("path", ["usage", "services", "auth/login"])
def test_a_body_of_another_type_is_refused(ask: Any, bearer: Mapping[str, str], path: str, kind: str) -> None:
    ask("POST", f"/api/v1/{path}", b"{}", {**bearer, "Content-Type": kind}).refused(
        415, "unsupported_media_type"
    )


def test_a_body_without_its_length_is_refused(ask: Any, bearer: Mapping[str, str]) -> None:
    headers = {**bearer, **JSON, "Transfer-Encoding": "chunked"}
    ask("POST", "/api/v1/usage", b"2\r\n{}\r\n0\r\n\r\n", headers).refused(411, "length_required")


@pytest.mark.parametrize("length", ["9000000", "99999999999999999999"])
def test_a_body_of_nine_megabytes_is_refused_before_it_is_read(
    ask: Any, bearer: Mapping[str, str], length: str
) -> None:
    ask("POST", "/api/v1/usage", None, {**bearer, **JSON, "Content-Length": length}).refused(413, "too_large")


def test_a_body_that_is_really_nine_megabytes_is_refused(
    site: SiteProcess, bearer: Mapping[str, str]
) -> None:
    body = b"[" + b" " * 9_000_000 + b"]"
    answer = requests.post(f"{site.base_url}/api/v1/usage", data=body, headers=bearer | JSON, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["profile", "usage/logs", "services", "keys", "openapi.json", "docs"])
def test_head_is_get_without_its_body_or_not_taken(ask: Any, bearer: Mapping[str, str], path: str) -> None:
    answer = ask("HEAD", f"/api/v1/{path}", headers=bearer)
    assert answer.body == b""
    assert answer.status in (200, 403, 405)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "PROPFIND", "LOCK"])
@pytest.mark.parametrize("path", ["profile", "usage", "keys/1"])
def test_another_method_is_refused_with_those_that_are_taken(
    ask: Any, bearer: Mapping[str, str], method: str, path: str
) -> None:
    answer = ask(method, f"/api/v1/{path}", headers=bearer)
    answer.refused(405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        "profile/",
        "usage/",
        "",
        "nothing",
        "keys/0x1",
        "keys/-1",
        "keys/1/",
        "usage/logs/99999999999999999999999",
        "../v1/profile",
        "%2e%2e/profile",
        "keys/%00",
        "services/1e3",
        "providers/%FF",
    ],
)
def test_an_address_that_is_none_is_not_found(ask: Any, bearer: Mapping[str, str], path: str) -> None:
    ask("GET", f"/api/v1/{path}", headers=bearer).refused(404, "not_found")


@pytest.mark.parametrize("path", ["usage/logs/0", f"services/{2**63}", "providers/99999999999999999999"])
def test_a_number_that_no_row_can_have_is_not_found(ask: Any, bearer: Mapping[str, str], path: str) -> None:
    ask("GET", f"/api/v1/{path}", headers=bearer).refused(404, "not_found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept-Language", "zz;q=9, " + "x" * 3_000),
        ("Accept", "text/html"),
        ("Accept-Encoding", "identity;q=0, *;q=nonsense"),
        ("Cookie", "tgw_api=a.b.c; tgw_session=\xff; tz=../../etc/passwd; theme=<script>"),
        ("Cookie", "=; ;; tgw_api"),
        ("X-Forwarded-For", "::::, 1.2.3.4.5"),
        ("X-Request-ID", "mine\u00ff"),
        ("Content-Length", "0"),
        ("HX-Request", "true"),
        ("If-None-Match", '"' + "x" * 1_000),
        ("Range", "bytes=0-1"),
        ("Expect", "100-continue"),
        ("Origin", "null"),
    ],
)
def test_an_odd_header_changes_nothing(ask: Any, bearer: Mapping[str, str], name: str, value: str) -> None:
    answer = ask("GET", "/api/v1/profile", headers={**bearer, name: value.encode("latin-1")})
    assert answer.status == 200
    assert json.loads(answer.body)["email"] == "owner@example.com"
    ask("GET", "/api/v1/profile", headers={name: value.encode("latin-1")}).refused(401, "not_authenticated")
