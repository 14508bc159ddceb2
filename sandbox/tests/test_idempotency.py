"""Idempotency-Key, and the chain under many writers: on every database that the sandbox runs on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.tests.caller import Caller
from sandbox.tests.chain_reader import verify_chain


def test_a_repeated_key_is_counted_once_and_answered_as_before(on_each_database: Caller) -> None:
    user_id, service_id = on_each_database.trader()
    first = on_each_database.report(user_id, service_id, key="k1")
    on_each_database.report(user_id, service_id, key="k2")
    again = on_each_database.report(user_id, service_id, key="k1", memo="")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert on_each_database.summary(user_id)["entry_count"] == 2


@pytest.mark.parametrize(
    "fields", [{"prompt_tokens": 71}, {"completion_tokens": 31}, {"direction": "supply"}, {"memo": "other"}]
)
def test_a_key_that_comes_back_with_another_body_is_a_conflict(
    on_each_database: Caller, fields: dict
) -> None:
    user_id, service_id = on_each_database.trader()
    on_each_database.report(user_id, service_id, key="k")

    answer = on_each_database.report(user_id, service_id, key="k", **fields)

    assert answer.status_code == 409
    assert answer.json()["error"]
    assert on_each_database.summary(user_id)["entry_count"] == 1


def test_a_refused_report_does_not_use_its_key_up(on_each_database: Caller) -> None:
    user_id, service_id = on_each_database.trader()

    assert on_each_database.report(user_id, service_id, key="k", prompt_tokens=10**8).status_code == 400
    assert on_each_database.report(user_id, service_id, key="k").status_code == 201


def test_without_a_key_the_same_report_counts_twice(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()
    statuses = [exchange.report(user_id, service_id, key=key).status_code for key in (None, None, "", "")]

    assert statuses == [201] * 4
    assert exchange.summary(user_id)["entry_count"] == 4


@pytest.mark.parametrize("key", ["k" * 65, "a b", "caf\u00e9"])
def test_it_refuses_what_is_no_key(exchange: Caller, key: str) -> None:
    user_id, service_id = exchange.trader()

    answer = exchange.report(user_id, service_id, key=key.encode("latin-1"))

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Idempotency-Key: ")
    assert exchange.report(user_id, service_id, key="k" * 64).status_code == 201


def test_sixteen_reports_with_one_key_at_once_count_once(on_each_database: Caller) -> None:
    user_id, service_id = on_each_database.trader()

    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda _: on_each_database.report(user_id, service_id, key="rush"), range(16))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert on_each_database.summary(user_id)["consumed_tokens"] == 100


def test_sixteen_writers_at_once_leave_one_chain_without_fork_or_gap(on_each_database: Caller) -> None:
    user_id, service_id = on_each_database.trader()

    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda number: on_each_database.report(
                    user_id, service_id, direction=("consume", "supply")[number % 2], prompt_tokens=number
                ),
                range(96),
            )
        )

    entries = on_each_database.statement(user_id, limit=10)
    assert [answer.status_code for answer in answers] == [201] * 96
    assert sorted(entry["prompt_tokens"] for entry in entries) == list(range(96))
    assert on_each_database.summary(user_id) == {
        "user_id": user_id,
        "consumed_tokens": sum(range(0, 96, 2)) + 48 * 30,
        "supplied_tokens": sum(range(1, 96, 2)) + 48 * 30,
        "net_tokens": 48,
        "entry_count": 96,
        "ledger_hash": verify_chain(entries),
    }
