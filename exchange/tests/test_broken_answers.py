"""Answers that are wrong in themselves, over real sockets."""

import socket
import struct
import threading
import time

import pytest

from exchange import AmbiguousOutcome, CircuitBreaker, ExchangeProtocolError, ExchangeUnavailable, RetryPolicy
from exchange.client import ExchangeClient
from exchange.tests.examples import entry, report
from exchange.tests.raw_server import Handler, RawServer, http, raw_server
from exchange.wire_json import dumps

pytestmark = pytest.mark.alone

EMPTY = b'{"providers": []}'


def client_of(server: RawServer, **options: object) -> ExchangeClient:
    values = {
        "breaker": CircuitBreaker(failure_threshold=1000),
        "retry": RetryPolicy(base_delay=0, max_delay=0),
    }
    return ExchangeClient(server.url, total_timeout=30, **{**values, **options})  # type: ignore[arg-type]


def saying(data: bytes) -> Handler:
    return lambda connection, _: connection.sendall(data)


def hang_up(connection: socket.socket, _: RawServer) -> None:
    connection.close()


def reset(connection: socket.socket, _: RawServer) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


HALF_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
HALF_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"
HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

LOST = [hang_up, reset]
LOST_WITH_STATUS = [saying(HALF_BODY), saying(HALF_CHUNK)]
GARBLED = [
    saying(b"\x16\x03\x01 nonsense\r\n\r\n"),
    saying(b"SSH-2.0-OpenSSH_9.6\r\n"),
    saying(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
    saying(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n"),
]
GARBLED_WITH_STATUS = [
    saying(CHUNK + b"zz\r\nnonsense\r\n0\r\n\r\n"),
    saying(http(200, b"not gzip at all", "Content-Encoding: gzip")),
]


@pytest.mark.parametrize("handler", [*LOST, *LOST_WITH_STATUS])
def test_a_read_whose_answer_is_lost_is_repeated_and_then_unavailable(handler: Handler) -> None:
    with (
        raw_server(handler) as server,
        client_of(server) as client,
        pytest.raises(ExchangeUnavailable, match="answer lost") as caught,
    ):
        client.list_providers()
    assert caught.value.attempts == len(server.requests) == 3


@pytest.mark.parametrize("handler", [*GARBLED, *GARBLED_WITH_STATUS])
def test_a_read_whose_answer_is_not_http_is_a_protocol_error_at_once(handler: Handler) -> None:
    with (
        raw_server(handler) as server,
        client_of(server) as client,
        pytest.raises(ExchangeProtocolError, match="not valid HTTP"),
    ):
        client.list_providers()
    assert len(server.requests) == 1


@pytest.mark.parametrize("handler", [*LOST, *GARBLED])
def test_a_report_without_a_status_is_ambiguous_and_sent_once(handler: Handler) -> None:
    with (
        raw_server(handler) as server,
        client_of(server) as client,
        pytest.raises(AmbiguousOutcome) as caught,
    ):
        client.report_usage(report(), idempotency_key="key-1")
    assert caught.value.cause_kind in {"answer lost", "answer garbled"}
    assert len(server.requests) == 1


@pytest.mark.parametrize("handler", [*LOST_WITH_STATUS, *GARBLED_WITH_STATUS])
def test_a_report_with_a_2xx_is_counted_whatever_becomes_of_the_body(handler: Handler) -> None:
    with raw_server(handler) as server, client_of(server) as client:
        assert client.report_usage(report()).entry is None


def test_a_half_head_is_taken_for_what_it_says_so_far() -> None:
    # http.client takes the end of the stream for the end of the headers; the body is then not JSON.
    with (
        raw_server(saying(HALF_HEAD)) as server,
        client_of(server) as client,
        pytest.raises(ExchangeProtocolError),
    ):
        client.list_providers()


def test_a_lost_report_is_repeated_under_its_key_where_that_is_proved() -> None:
    def second_time_lucky(connection: socket.socket, server: RawServer) -> None:
        if len(server.requests) < 2:
            connection.close()
        else:
            connection.sendall(http(200, dumps({"entry": entry()})))

    with raw_server(second_time_lucky) as server, client_of(server) as client:
        receipt = client.report_usage(report(), idempotency_key="key-1", idempotency_proved=True)
    assert (receipt.idempotency_proved, receipt.created) == (True, False)
    assert len(server.requests) == 2
    assert all(b"Idempotency-Key: key-1\r\n" in request for request in server.requests)


def test_a_redirect_is_not_followed() -> None:
    with (
        raw_server(saying(http(302, b"", "Location: /elsewhere"))) as server,
        client_of(server) as client,
        pytest.raises(ExchangeProtocolError, match="redirects elsewhere") as caught,
    ):
        client.list_providers()
    assert caught.value.status == 302
    assert len(server.requests) == 1


def answer_often(connection: socket.socket, server: RawServer) -> None:
    body = {b"GET": EMPTY, b"POS": b"{}"}
    while True:
        connection.sendall(http(200, body[server.requests[-1][:3]]))
        if not server.read_request(connection):
            return


def test_reads_share_a_connection_and_an_unproved_report_gets_a_fresh_one() -> None:
    with raw_server(answer_often) as server, client_of(server) as client:
        client.list_providers()
        client.list_providers()
        assert server.connection_count == 1
        client.report_usage(report())
        client.report_usage(report())
        assert server.connection_count == 3
        client.report_usage(report(), idempotency_key="key-1", idempotency_proved=True)
        assert server.connection_count == 3
    closing = [b"Connection: close" in request for request in server.requests]
    assert closing == [False, False, True, True, False]


def test_a_stale_connection_does_not_make_a_report_ambiguous() -> None:
    def answer_once_and_close_later(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(http(200, EMPTY))
        server.read_request(connection)

    with raw_server(answer_once_and_close_later) as server, client_of(server) as client:
        client.list_providers()
        assert client.report_usage(report()).created is None
    assert server.connection_count == 2


def test_threads_share_a_client() -> None:
    with raw_server(answer_often) as server, client_of(server) as client:
        results: list[object] = []

        def read_often() -> None:
            results.extend(client.list_providers() for _ in range(10))

        threads = [threading.Thread(target=read_often) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert results == [[]] * 80
    assert server.connection_count <= 8


def test_slow_calls_of_two_threads_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2)

    def meet(connection: socket.socket, _: RawServer) -> None:
        # Neither answers before both have been asked.
        meeting.wait(timeout=20)
        connection.sendall(http(200, EMPTY))

    with raw_server(meet) as server, client_of(server) as client:
        thread = threading.Thread(target=client.list_providers)
        thread.start()
        assert client.list_providers() == []
        thread.join(timeout=20)
    assert not meeting.broken


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with raw_server(saying(http(200, EMPTY, "Set-Cookie: a=b"))) as server, client_of(server) as client:
        client.list_providers()
        client.list_providers()
    assert not any(b"cookie" in request.lower() for request in server.requests)


def test_retries_and_their_pauses_end_with_the_deadline() -> None:
    with raw_server(saying(http(503))) as server:
        policy = RetryPolicy(max_attempts=10_000, base_delay=0.05, max_delay=0.05)
        started = time.monotonic()
        with client_of(server, retry=policy) as client, pytest.raises(ExchangeUnavailable) as caught:
            client.list_providers(deadline=0.5)
        assert time.monotonic() - started < 5
    assert 1 < caught.value.attempts < 100
