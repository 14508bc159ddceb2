"""Misbehaviour: each kind, what is committed and what is not, and planned faults that hit exactly once."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox.tests.caller import Caller
from tests.exchange_process import ExchangeProcess


def test_latency_delays_every_answer(process: ExchangeProcess, exchange: Caller) -> None:
    process.control(latency_ms=300)
    began = time.monotonic()

    assert exchange.get("/providers").status_code == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("status", [500, 502, 503, 599])
def test_an_error_leaves_the_books_alone(process: ExchangeProcess, exchange: Caller, status: int) -> None:
    user_id, service_id = exchange.trader()
    process.control(error_share=1, error_status=status)
    answer = exchange.report(user_id, service_id)
    process.behave()

    assert answer.status_code == status
    assert answer.json()["error"]
    assert exchange.summary(user_id)["entry_count"] == 0


def test_a_rate_limit_says_when_to_come_back_and_leaves_the_books_alone(
    process: ExchangeProcess, exchange: Caller
) -> None:
    user_id, service_id = exchange.trader()
    process.control(rate_limit_share=1, retry_after_s=7)
    answer = exchange.report(user_id, service_id)
    process.behave()

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]
    assert exchange.summary(user_id)["entry_count"] == 0


@pytest.mark.parametrize(("share", "counted"), [("drop_before_share", 0), ("drop_after_share", 1)])
def test_a_dropped_connection_ends_without_an_answer(
    process: ExchangeProcess, exchange: Caller, share: str, counted: int
) -> None:
    user_id, service_id = exchange.trader()
    process.control(**{share: 1})
    with pytest.raises(requests.ConnectionError):
        exchange.report(user_id, service_id)
    process.behave()

    assert exchange.summary(user_id)["entry_count"] == counted


def test_a_malformed_answer_has_status_200_and_the_report_is_counted(
    process: ExchangeProcess, exchange: Caller
) -> None:
    user_id, service_id = exchange.trader()
    process.control(malformed_share=1)
    answer = exchange.report(user_id, service_id)
    process.behave()

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert exchange.summary(user_id)["entry_count"] == 1


def test_a_share_hits_about_as_many_requests_as_it_says(process: ExchangeProcess, exchange: Caller) -> None:
    process.control(error_share=0.3, rate_limit_share=0.3)
    statuses = [exchange.get("/nowhere").status_code for _ in range(200)]

    # Each count is binomial, mean 60 (80 for the rest), deviation below 7: eight deviations either way.
    for status, expected in ((503, 60), (429, 60), (404, 80)):
        assert abs(statuses.count(status) - expected) < 56


@pytest.mark.parametrize(("kind", "counted"), [("drop_before", 1), ("drop_after", 2)])
def test_a_planned_drop_loses_exactly_one_answer(
    process: ExchangeProcess, exchange: Caller, kind: str, counted: int
) -> None:
    user_id, service_id = exchange.trader()
    planned = process.control(next=[{"kind": kind, "path": "/usage"}])
    assert planned["next"] == [{"kind": kind, "count": 1, "path": "/usage", "method": None}]

    assert exchange.get("/providers").status_code == 200
    with pytest.raises(requests.ConnectionError):
        exchange.report(user_id, service_id)
    assert exchange.report(user_id, service_id).status_code == 201

    assert exchange.summary(user_id)["entry_count"] == counted
    assert process.control()["next"] == []


def test_a_lost_answer_can_be_asked_for_again_with_its_key(
    process: ExchangeProcess, exchange: Caller
) -> None:
    user_id, service_id = exchange.trader()
    process.control(next=[{"kind": "drop_after"}])
    with pytest.raises(requests.ConnectionError):
        exchange.report(user_id, service_id, key="lost")

    again = exchange.report(user_id, service_id, key="lost")

    assert again.status_code == 200
    assert exchange.statement(user_id) == [again.json()["entry"]]


def test_planned_faults_match_by_method_and_path_in_their_order(
    process: ExchangeProcess, exchange: Caller
) -> None:
    process.control(
        next=[
            {"kind": "error", "method": "POST", "path": "/services"},
            {"kind": "rate_limit", "path": "/services", "count": 2},
            {"kind": "malformed"},
        ]
    )
    statuses = [
        exchange.get("/services").status_code,
        exchange.post("/services", {}).status_code,
        exchange.post("/services", {}).status_code,
        exchange.post("/services", {}).status_code,
        exchange.post("/services", {}).status_code,
    ]

    assert statuses == [429, 503, 429, 200, 400]


def test_requests_at_once_use_up_exactly_the_planned_faults(
    each_process: ExchangeProcess, on_each_database: Caller
) -> None:
    each_process.control(next=[{"kind": "error", "count": 5}, {"kind": "rate_limit", "count": 3}])

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: on_each_database.get("/providers").status_code, range(32)))

    assert (statuses.count(503), statuses.count(429), statuses.count(200)) == (5, 3, 24)


def test_the_console_tells_of_a_fault_and_of_nothing_else(own_process: ExchangeProcess) -> None:
    own_process.control(next=[{"kind": "drop_before"}, {"kind": "drop_after"}, {"kind": "error"}])
    with Caller(own_process.base_url) as caller:
        for _ in range(2):
            with pytest.raises(requests.ConnectionError):
                caller.get("/providers")
        assert caller.get("/providers").status_code == 503
        assert caller.get("/providers").status_code == 200
    own_process.stop()

    told = own_process.output.read_text().split("Ctrl-C stops it.\n")[1].splitlines()
    assert told == [
        f"[sandbox] {kind} on purpose: GET /providers" for kind in ("drop_before", "drop_after", "error")
    ]
