"""What every endpoint has in common: methods, bodies, and errors that are always JSON."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from sandbox.tests.caller import Caller
from tests.exchange_process import ExchangeProcess

PATHS = {
    "/users": {"POST"},
    "/providers": {"GET", "HEAD"},
    "/services": {"GET", "HEAD", "POST"},
    "/usage": {"POST"},
    "/usage/summary": {"GET", "HEAD"},
    "/usage/statement": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_answered_with_those_that_there_are(exchange: Caller, path: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - PATHS[path]:
        answer = exchange.send(method, path, "{}")
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == PATHS[path]
        assert answer.json()["error"]


@pytest.mark.parametrize(
    "path", ["/", "/users/", "/nowhere", "/usage/summary/", "/%00", "/%ff", "/_control", "/_control/x"]
)
def test_an_unknown_path_is_a_404_in_json_and_never_a_redirect(exchange: Caller, path: str) -> None:
    answer = exchange.session.get(exchange.base_url + path, allow_redirects=False, timeout=30)

    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize("path", ["/users", "/services", "/usage"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"nonsense", b'{"email": NaN}', b"[" * 60_000, b"9" * 60_000, b"1e" + b"9" * 40],
)
def test_a_body_that_is_no_json_is_refused(exchange: Caller, path: str, body: bytes) -> None:
    answer = exchange.send("POST", path, body)

    assert answer.status_code == 400
    assert answer.json() == {"error": "The body is not JSON. Send one JSON object in UTF-8."}


@pytest.mark.parametrize("path", ["/users", "/services", "/usage"])
@pytest.mark.parametrize("body", ["[]", "null", "1", '"text"', "{}"])
def test_a_body_that_is_no_request_is_refused(exchange: Caller, path: str, body: str) -> None:
    answer = exchange.send("POST", path, body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_body_that_is_too_long_is_refused(exchange: Caller) -> None:
    def in_chunks():
        yield b" " * 70_000

    for body in (b" " * 70_000, b" " * 3_000_000, in_chunks()):
        answer = exchange.send("POST", "/users", body)
        assert answer.status_code == 413
        assert answer.json()["error"]


@pytest.mark.parametrize(
    "half",
    [
        b'Content-Length: 100\r\n\r\n{"email": ',
        b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"email"',
        b'Transfer-Encoding: chunked\r\n\r\nZZ\r\n{"email"',
    ],
)
def test_a_body_that_ends_early_is_refused(exchange: Caller, half: bytes) -> None:
    url = urlsplit(exchange.base_url)
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        connection.sendall(b"POST /users HTTP/1.1\r\nHost: exchange\r\nConnection: close\r\n" + half)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_body_may_come_in_chunks_and_under_any_content_type(exchange: Caller) -> None:
    def in_chunks():
        yield b'{"email": "chunks@http.example", '
        yield b'"roles": ["consumer"]}'

    first = exchange.send("POST", "/users", in_chunks(), {"Content-Type": "text/plain"})
    again = exchange.post("/users", {"email": "chunks@http.example", "roles": ["consumer"]})

    assert (first.status_code, again.status_code) == (201, 200)
    assert "Content-Type" not in again.request.headers


@pytest.mark.parametrize(
    "charset", ["rot13", "hex", "base64", "zlib", "idna", "unicode_escape", "undefined", "utf-16", "nope"]
)
def test_the_charset_that_a_caller_names_is_none_of_its_business(exchange: Caller, charset: str) -> None:
    named = {"Content-Type": f"application/json; charset={charset}"}
    listed = exchange.get("/services", headers=named, provider_id=1)
    registered = exchange.send("POST", "/users?a=b", '{"email": "charset@http.example"}', named)

    assert listed.status_code == 200
    assert registered.status_code in (200, 201, 400)
    assert registered.status_code == exchange.post("/users", {"email": "charset@http.example"}).status_code


def test_head_has_the_headers_of_get(exchange: Caller) -> None:
    got = exchange.get("/providers")
    head = exchange.session.head(f"{exchange.base_url}/providers", timeout=30)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(got.content))


def test_more_query_parameters_than_anybody_means_are_refused(exchange: Caller) -> None:
    answer = exchange.session.get(f"{exchange.base_url}/services?{'&'.join(['a'] * 1500)}", timeout=30)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_nothing_that_was_refused_is_news_on_the_console(own_process: ExchangeProcess) -> None:
    with Caller(own_process.base_url) as exchange:
        exchange.get("/nowhere")
        exchange.post("/users", {})
        exchange.report(0, 0)
        exchange.session.head(f"{exchange.base_url}/services?{'&'.join(['a'] * 1500)}", timeout=30)

    assert own_process.output.read_text().endswith("Ctrl-C stops it.\n")


def test_every_answer_names_its_request(exchange: Caller) -> None:
    answers = [exchange.get(path) for path in ("/providers", "/nowhere", "/users")]
    echoed = exchange.get("/providers", headers={"X-Request-ID": "abc-123"})
    not_echoed = exchange.get("/providers", headers={"X-Request-ID": "x" * 65})

    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 3
    assert echoed.headers["X-Request-ID"] == "abc-123"
    assert not_echoed.headers["X-Request-ID"] != "x" * 65
