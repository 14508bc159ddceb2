"""A slow Exchange takes a bounded number of its caller's threads, and the others are told at once."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import responses

from exchange import ExchangeClient, ExchangeError, ExchangeUnreachable, Outcome, RateLimited, TooManyCalls
from exchange.tests.examples import BASE, client
from exchange.tests.raw_server import RawServer, http, raw_server

pytestmark = pytest.mark.alone

ANSWER = http(200, b'{"providers": []}')


class Slow:
    """A server that answers nobody until it is told to."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked = threading.Semaphore(0)

    def __call__(self, connection: socket.socket, server: RawServer) -> None:
        self.asked.release()
        self.answer.wait(20)
        connection.sendall(ANSWER)


@pytest.fixture
def slow() -> Iterator[tuple[Slow, RawServer]]:
    handler = Slow()
    with raw_server(handler) as server:
        yield handler, server
        handler.answer.set()


def test_one_more_than_may_wait_is_told_so_and_sends_nothing(slow: tuple[Slow, RawServer]) -> None:
    handler, server = slow
    heard: list[Outcome] = []
    with (
        ExchangeClient(server.url, calls_at_once=2, on_outcome=heard.append) as target,
        ThreadPoolExecutor(2) as pool,
    ):
        waiting = [pool.submit(target.list_providers) for _ in range(2)]
        for _ in waiting:
            assert handler.asked.acquire(timeout=10)
        with pytest.raises(TooManyCalls) as caught:
            target.list_providers()
        assert isinstance(caught.value, ExchangeUnreachable)  # so it is certain that nothing was done
        assert "Nothing was sent" in caught.value.sentence
        assert len(server.requests) == 2
        assert [type(outcome.error) for outcome in heard] == [TooManyCalls]
        handler.answer.set()
        assert [call.result(10) for call in waiting] == [[], []]
        assert target.list_providers() == []  # a place is free again


@responses.activate
def test_a_call_that_fails_gives_its_place_back() -> None:
    responses.get(f"{BASE}/providers", status=404)
    target = client(calls_at_once=1)
    for _ in range(3):
        with pytest.raises(ExchangeError) as caught:
            target.list_providers()
        assert not isinstance(caught.value, TooManyCalls)


def test_who_is_side_by_side_takes_no_place_and_shares_connections_and_breaker(
    slow: tuple[Slow, RawServer],
) -> None:
    handler, server = slow
    with ExchangeClient(server.url, calls_at_once=1) as target, ThreadPoolExecutor(3) as pool:
        beside = target.side_by_side()
        assert beside.breaker is target.breaker
        waiting = [pool.submit(asked.list_providers) for asked in (beside, beside, target)]
        for _ in waiting:
            assert handler.asked.acquire(timeout=10)
        with pytest.raises(TooManyCalls):
            target.list_providers()
        handler.answer.set()
        assert [call.result(10) for call in waiting] == [[], [], []]


@responses.activate
def test_side_by_side_nobody_waits_by_itself_where_the_server_asks_for_time() -> None:
    responses.get(f"{BASE}/providers", status=429, headers={"Retry-After": "0"})
    target = client()
    with pytest.raises(RateLimited) as caught:
        target.side_by_side().list_providers()
    assert (len(responses.calls), caught.value.retry_after) == (1, 0.0)
    with pytest.raises(RateLimited):
        target.list_providers()
    assert len(responses.calls) > 2
