"""Servers that take their time or never end, over real sockets. Bounds are generous for busy machines."""

import gzip
import socket
import threading
import time

import pytest

from exchange import (
    AmbiguousOutcome,
    CircuitBreaker,
    ExchangeClient,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeUnavailable,
    ExchangeUnreachable,
    RetryPolicy,
    connecting,
)
from exchange.tests.examples import report
from exchange.tests.raw_server import Handler, RawServer, http, raw_server

pytestmark = pytest.mark.alone

DEADLINE = 0.6
# What a call may take beyond its deadline; the servers here would otherwise keep it for ten seconds or more.
SLACK = 5.0


def real_client(url: str, **options: object) -> ExchangeClient:
    values = {"breaker": CircuitBreaker(failure_threshold=1000), "retry": RetryPolicy(base_delay=0.01)}
    return ExchangeClient(url, **{**values, **options})  # type: ignore[arg-type]


def failing_call(url: str, **options: object) -> tuple[ExchangeError, float]:
    started = time.monotonic()
    with real_client(url, **options) as client, pytest.raises(ExchangeError) as caught:
        client.list_providers(deadline=DEADLINE)
    return caught.value, time.monotonic() - started


def drip_headers(connection: socket.socket, server: RawServer) -> None:
    server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200)


def drip_body(connection: socket.socket, server: RawServer) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    server.drip(connection, b" " * 200)


def drip_chunks(connection: socket.socket, server: RawServer) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    server.drip(connection, b"1\r\n \r\n" * 40)


def drip_error(connection: socket.socket, server: RawServer) -> None:
    connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 10000\r\n\r\n")
    server.drip(connection, b" " * 200)


def say_nothing(connection: socket.socket, server: RawServer) -> None:
    server.over.wait(15)


def endless_continue(connection: socket.socket, server: RawServer) -> None:
    end = time.monotonic() + 15
    while not server.over.is_set() and time.monotonic() < end:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    "handler", [drip_headers, drip_body, drip_chunks, drip_error, say_nothing, endless_continue]
)
def test_a_read_is_cut_off_at_its_deadline(handler: Handler) -> None:
    with raw_server(handler) as server:
        error, took = failing_call(server.url)
    assert type(error) is ExchangeUnavailable
    assert DEADLINE * 0.9 <= took < DEADLINE + SLACK
    assert error.attempts == 1
    assert ("status 503" if handler is drip_error else "deadline") in error.sentence


@pytest.mark.parametrize("handler", [drip_headers, say_nothing])
def test_a_report_that_is_cut_off_is_ambiguous(handler: Handler) -> None:
    with (
        raw_server(handler) as server,
        real_client(server.url) as client,
        pytest.raises(AmbiguousOutcome) as caught,
    ):
        client.report_usage(report(), deadline=DEADLINE)
    assert caught.value.cause_kind == "deadline"
    assert len(server.requests) == 1


def test_a_report_whose_2xx_drips_is_counted() -> None:
    with raw_server(drip_body) as server, real_client(server.url) as client:
        receipt = client.report_usage(report(), deadline=DEADLINE)
    assert (receipt.entry, receipt.idempotency_proved) == (None, False)


def test_a_server_that_does_not_read_is_cut_off() -> None:
    def never_read(connection: socket.socket, server: RawServer) -> None:
        server.over.wait(15)

    with raw_server(never_read, read_first=False) as server, real_client(server.url) as client:
        started = time.monotonic()
        with pytest.raises(AmbiguousOutcome):
            client.report_usage(report(memo="x" * 30_000_000), deadline=DEADLINE)
        assert time.monotonic() - started < DEADLINE + SLACK


def test_a_port_where_nobody_listens_is_certainly_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error, took = failing_call(f"http://127.0.0.1:{port}")
    assert type(error) is ExchangeUnreachable
    assert (
        error.sentence == f"The Exchange cannot be reached at http://127.0.0.1:{port} (connection refused)."
    )
    assert (error.attempts, error.status) == (3, None)
    assert took < SLACK


def test_a_host_that_swallows_packets_is_given_up_after_the_connect_timeout() -> None:
    # A full backlog on loopback drops further SYNs, as a firewall would.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            started = time.monotonic()
            with (
                real_client(url, connect_timeout=0.4) as client,
                pytest.raises(ExchangeUnreachable) as caught,
            ):
                client.report_usage(report(), deadline=30)
            took = time.monotonic() - started
        finally:
            for filler in fillers:
                filler.close()
    assert "connecting timed out" in caught.value.sentence
    assert caught.value.attempts == 1
    assert 0.35 <= took < 0.4 + SLACK


def test_a_name_lookup_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_args, **_named: released.wait(15) or [])
    try:
        error, took = failing_call("http://slow-name.test", connect_timeout=0.3)
    finally:
        released.set()
    assert type(error) is ExchangeUnreachable
    assert "timed out" in error.sentence
    assert took < DEADLINE + SLACK


def test_an_unknown_name_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(connecting.socket, "getaddrinfo", unknown)
    error, _ = failing_call("http://nowhere.test")
    assert type(error) is ExchangeUnreachable
    assert "unknown host name" in error.sentence


def test_it_goes_on_to_the_next_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(lambda connection, _: connection.sendall(http(200, b'{"providers": []}'))) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            dead = listener.getsockname()[1]
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", dead)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_args, **_named: addresses)
        with real_client("http://two-addresses.test") as client:
            assert client.list_providers(deadline=30) == []


def test_an_endless_body_is_stopped_at_the_size_limit() -> None:
    sent = 0

    def endless(connection: socket.socket, server: RawServer) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.over.is_set():
            connection.sendall(b" " * 65536)
            sent += 65536

    with (
        raw_server(endless) as server,
        real_client(server.url, max_response_bytes=1_000_000) as client,
        pytest.raises(ExchangeProtocolError, match="too large") as caught,
    ):
        client.list_providers(deadline=30)
    assert (caught.value.status, caught.value.attempts) == (200, 1)
    assert sent < 50_000_000


def test_the_size_limit_counts_what_a_gzip_holds() -> None:
    bomb = gzip.compress(b" " * 50_000_000)

    def send(connection: socket.socket, _: RawServer) -> None:
        connection.sendall(http(200, bomb, "Content-Encoding: gzip"))

    with (
        raw_server(send) as server,
        real_client(server.url, max_response_bytes=1_000_000) as client,
        pytest.raises(ExchangeProtocolError, match="too large"),
    ):
        client.list_providers(deadline=30)
    assert len(bomb) < 100_000


def test_it_reads_a_gzip_of_decent_size() -> None:
    packed = gzip.compress(b'{"providers": []}')
    with (
        raw_server(lambda c, _: c.sendall(http(200, packed, "Content-Encoding: gzip"))) as server,
        real_client(server.url) as client,
    ):
        assert client.list_providers(deadline=30) == []
