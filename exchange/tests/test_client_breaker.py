"""The breaker inside the client, and what a listener hears."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import responses

from exchange import (
    AmbiguousOutcome,
    BreakerState,
    CircuitBreaker,
    CircuitOpen,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    Outcome,
    RetryPolicy,
)
from exchange.tests.examples import FakeTime, client, every_call, report
from exchange.tests.raw_server import RawServer, http, raw_server
from exchange.tests.test_refusals import METHODS, everywhere
from exchange.tests.test_retrying import LOST, REFUSED, in_turn

ONCE = RetryPolicy(max_attempts=1)


def breaker_of(time: FakeTime, threshold: int = 2) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=threshold, cooldown=10, clock=time.clock)


def fail_once(target: Any, kind: type[ExchangeError] = ExchangeError) -> ExchangeError:
    with pytest.raises(kind) as caught:
        target.list_providers()
    return caught.value


@responses.activate
@pytest.mark.parametrize("trouble", [(500, ""), (503, ""), LOST, REFUSED, requests.ConnectTimeout("slow")])
def test_trouble_opens_it_and_then_nothing_is_sent_until_the_probe(trouble: Any) -> None:
    count = in_turn(trouble, trouble, (200, '{"providers": []}'))
    time = FakeTime()
    breaker = breaker_of(time)
    target = client(time=time, breaker=breaker, retry=ONCE)
    fail_once(target)
    fail_once(target)
    error = fail_once(target, CircuitOpen)
    assert isinstance(error, CircuitOpen)
    assert (error.retry_in, error.attempts, count()) == (10, 0, 2)
    assert "tried again in 10 s" in error.sentence
    time.now += 10
    assert target.list_providers() == []
    assert (breaker.state, count()) == (BreakerState.CLOSED, 3)


@responses.activate
@pytest.mark.parametrize(
    "answer", [(404, ""), (429, ""), (400, '{"rules": ["A"]}'), (200, "nonsense"), (302, "")]
)
def test_a_server_that_refuses_or_talks_nonsense_is_alive(answer: Any) -> None:
    in_turn(answer)
    time = FakeTime()
    breaker = breaker_of(time)
    target = client(time=time, breaker=breaker, retry=ONCE)
    for _ in range(5):
        fail_once(target)
    assert breaker.state is BreakerState.CLOSED


@responses.activate
def test_a_call_whose_own_retries_open_it_tells_what_happened_and_not_that_it_opened() -> None:
    everywhere(503)
    time = FakeTime()
    error = fail_once(client(time=time, breaker=breaker_of(time)), ExchangeUnavailable)
    assert (error.status, error.attempts) == (503, 2)


@responses.activate
def test_a_report_is_not_sent_while_it_is_open_and_that_is_certain() -> None:
    everywhere(503)
    time = FakeTime()
    target = client(time=time, breaker=breaker_of(time, 1), retry=ONCE)
    with pytest.raises(AmbiguousOutcome):
        target.report_usage(report())
    with pytest.raises(CircuitOpen):
        target.report_usage(report())
    assert len(responses.calls) == 1


@responses.activate
def test_a_probe_that_dies_does_not_keep_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    in_turn((503, ""), (200, '{"providers": []}'))
    time = FakeTime()
    breaker = breaker_of(time, 1)
    target = client(time=time, breaker=breaker, retry=ONCE)
    fail_once(target)
    time.now += 10
    with monkeypatch.context() as patch:
        patch.setattr("exchange.attempts.send_once", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            target.list_providers()
    assert target.list_providers() == []
    assert breaker.state is BreakerState.CLOSED


def test_of_32_threads_one_is_the_probe_over_real_http() -> None:
    asked, others_refused = threading.Event(), threading.Event()

    def answer_late(connection: Any, server: RawServer) -> None:
        if len(server.requests) == 1:
            connection.sendall(http(503))
            return
        asked.set()
        others_refused.wait(30)
        connection.sendall(http(200, b'{"providers": []}'))

    time = FakeTime()
    breaker = breaker_of(time, 1)
    refused = threading.Semaphore(0)

    with (
        raw_server(answer_late) as server,
        client(server.url, time=time, breaker=breaker, retry=ONCE) as target,
    ):
        fail_once(target)
        time.now += 10

        def call(_: int) -> str:
            try:
                target.list_providers()
            except CircuitOpen:
                refused.release()
                return "refused"
            return "answered"

        with ThreadPoolExecutor(32) as threads:
            futures = [threads.submit(call, number) for number in range(32)]
            for _ in range(31):
                assert refused.acquire(timeout=30)
            assert asked.wait(30)
            others_refused.set()
            results = [future.result(timeout=30) for future in futures]
    assert (results.count("answered"), results.count("refused")) == (1, 31)
    assert len(server.requests) == 2
    assert breaker.state is BreakerState.CLOSED


def test_a_client_without_a_breaker_of_its_callers_has_one_of_its_own() -> None:
    assert client(breaker=None).breaker is not client(breaker=None).breaker


@responses.activate
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("answer", "reachable"), [((503, ""), True), ((404, ""), True), (LOST, True), (REFUSED, False)]
)
def test_a_listener_hears_of_each_failed_call_once(name: str, answer: Any, reachable: bool) -> None:
    in_turn(answer)
    heard: list[Outcome] = []
    with pytest.raises(ExchangeError) as caught:
        every_call(client(on_outcome=heard.append))[name]()
    (outcome,) = heard
    assert (outcome.reachable, outcome.error) == (reachable, caught.value)
    assert outcome.operation == name


@responses.activate
def test_a_listener_hears_of_success_with_the_time_that_it_took() -> None:
    in_turn((503, "", {"Retry-After": "2"}), (200, '{"providers": []}'))
    heard: list[Outcome] = []
    client(on_outcome=heard.append).list_providers()
    assert heard == [Outcome(True, None, "list_providers", 2000.0)]


@responses.activate
def test_a_listener_hears_of_an_answer_that_does_not_fit() -> None:
    in_turn((200, "nonsense"))
    heard: list[Outcome] = []
    fail_once(client(on_outcome=heard.append), ExchangeProtocolError)
    assert isinstance(heard[0].error, ExchangeProtocolError)


@responses.activate
def test_a_listener_hears_that_it_was_not_tried() -> None:
    everywhere(503)
    time = FakeTime()
    heard: list[Outcome] = []
    target = client(time=time, breaker=breaker_of(time, 1), retry=ONCE, on_outcome=heard.append)
    fail_once(target)
    fail_once(target)
    assert [outcome.reachable for outcome in heard] == [True, False]


@responses.activate
def test_a_listener_that_raises_breaks_neither_success_nor_failure() -> None:
    in_turn((200, '{"providers": []}'), (404, ""))

    def broken(_: Outcome) -> None:
        raise RuntimeError("the listener's own fault")

    target = client(on_outcome=broken)
    assert target.list_providers() == []
    fail_once(target, ExchangeRejected)
