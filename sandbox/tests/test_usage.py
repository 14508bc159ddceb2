"""POST /usage, GET /usage/summary and GET /usage/statement."""

import re

import pytest

from sandbox.tests.caller import Caller, usage
from sandbox.tests.chain_reader import verify_chain


def test_one_account_publishes_supplies_and_consumes_its_own_service(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()

    exchange.report(user_id, service_id, prompt_tokens=70, completion_tokens=30)
    exchange.report(user_id, service_id, direction="supply", prompt_tokens=5, completion_tokens=0)

    entries = exchange.statement(user_id)
    assert exchange.summary(user_id) == {
        "user_id": user_id,
        "consumed_tokens": 100,
        "supplied_tokens": 5,
        "net_tokens": -95,
        "entry_count": 2,
        "ledger_hash": verify_chain(entries),
    }


def test_it_answers_a_report_with_its_entry(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()

    answer = exchange.report(
        user_id, service_id, key="first-key", memo='r\u00e9sum\u00e9 \u2603 \U0001f600 "\\/\n'
    )

    entry = answer.json()["entry"]
    assert answer.status_code == 201
    assert {field: entry[field] for field in usage(0, 0)} == usage(user_id, service_id)
    assert entry["memo"] == 'r\u00e9sum\u00e9 \u2603 \U0001f600 "\\/\n'
    assert entry["idempotency_key"] == "first-key"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["created_at"])
    assert exchange.statement(user_id) == [entry]
    verify_chain([entry])


def test_a_report_of_no_tokens_at_all_is_counted(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()

    assert exchange.report(user_id, service_id, prompt_tokens=0, completion_tokens=0).status_code == 201
    assert exchange.summary(user_id)["entry_count"] == 1


def test_the_books_of_two_accounts_do_not_mix(exchange: Caller) -> None:
    one, service_id = exchange.trader()
    other = exchange.register()["user"]["id"]
    exchange.report(one, service_id, key="same-key", prompt_tokens=1, completion_tokens=0)
    exchange.report(other, service_id, key="same-key", prompt_tokens=2, completion_tokens=0)

    assert exchange.summary(one)["consumed_tokens"] == 1
    assert exchange.summary(other)["consumed_tokens"] == 2
    assert [entry["user_id"] for entry in exchange.statement(one)] == [one]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": 2**63}, "prompt_tokens"),
        ({"completion_tokens": "1"}, "completion_tokens"),
        ({"completion_tokens": 1.5}, "completion_tokens"),
        ({"direction": "steal"}, "direction"),
        ({"user_id": None}, "user_id"),
        ({"user_id": -(2**63) - 1}, "user_id"),
        ({"service_id": 10**300}, "service_id"),
        ({"memo": None}, "memo"),
        ({"memo": "m" * 4001}, "memo"),
        ({"memo": "\x00"}, "memo"),
    ],
)
def test_it_refuses_a_field_that_does_not_fit_and_names_it(
    exchange: Caller, fields: dict, named: str
) -> None:
    user_id, service_id = exchange.trader()

    answer = exchange.post("/usage", usage(user_id, service_id) | fields)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{named}: ")
    assert exchange.summary(user_id)["entry_count"] == 0


def test_it_knows_no_such_account_or_service(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()

    assert exchange.report(999_999_999, service_id).status_code == 404
    assert exchange.report(user_id, 999_999_999).status_code == 404
    assert exchange.get("/usage/summary", user_id=999_999_999).status_code == 404
    assert exchange.get("/usage/statement", user_id=-1).status_code == 404


@pytest.mark.parametrize("path", ["/usage/summary", "/usage/statement"])
@pytest.mark.parametrize(
    "query", [{}, {"user_id": ""}, {"user_id": "me"}, {"user_id": "9" * 30}, {"user_id": [1, 1]}]
)
def test_it_says_which_account_it_has_to_be_told(exchange: Caller, path: str, query: dict) -> None:
    answer = exchange.get(path, **query)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("user_id: ")


def test_an_account_without_entries_has_an_empty_statement(exchange: Caller) -> None:
    user_id, _ = exchange.trader()

    assert exchange.get("/usage/statement", user_id=user_id).json() == {"entries": [], "next_after_id": None}
    assert exchange.summary(user_id)["ledger_hash"] == "0" * 64


def test_a_statement_comes_in_pages_and_says_where_the_next_begins(exchange: Caller) -> None:
    user_id, service_id = exchange.trader()
    ids = [exchange.report(user_id, service_id).json()["entry"]["id"] for _ in range(4)]

    first = exchange.get("/usage/statement", user_id=user_id, limit=2).json()
    second = exchange.get(
        "/usage/statement", user_id=user_id, limit=2, after_id=first["next_after_id"]
    ).json()

    assert [entry["id"] for entry in first["entries"] + second["entries"]] == ids
    assert first["next_after_id"] == ids[1]
    assert second["next_after_id"] is None
    assert exchange.get("/usage/statement", user_id=user_id, after_id=ids[-1]).json()["entries"] == []


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": -1}, {"limit": 1001}, {"limit": "x"}, {"after_id": "x"}]
)
def test_it_refuses_a_page_that_cannot_be(exchange: Caller, query: dict) -> None:
    user_id, _ = exchange.trader()

    assert exchange.get("/usage/statement", user_id=user_id, **query).status_code == 400
    assert exchange.get("/usage/statement", user_id=user_id, limit=1000).status_code == 200
