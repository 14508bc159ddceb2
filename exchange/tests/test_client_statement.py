"""Reading an account's statement page by page."""

import json
from typing import Any

import pytest
import responses
from responses import matchers

from exchange import (
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnavailable,
    StatementNotOffered,
    statement_hash,
)
from exchange.tests import examples
from exchange.tests.examples import BASE, FakeTime, client


@pytest.fixture
def wire() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


def page(
    wire: responses.RequestsMock, after_id: int, ids: list[int], next_after_id: int | None, limit: int = 500
) -> None:
    wire.get(
        f"{BASE}/usage/statement",
        json={"entries": [examples.entry(id=number) for number in ids], "next_after_id": next_after_id},
        match=[matchers.query_param_matcher({"user_id": 7, "after_id": after_id, "limit": limit})],
    )


def test_it_reads_a_statement_page_by_page_as_needed(wire: responses.RequestsMock) -> None:
    page(wire, 0, [1, 2], 2, limit=2)
    page(wire, 2, [5], None, limit=2)
    entries = client().iter_statement(7, limit=2)
    assert len(wire.calls) == 0
    assert [next(entries).id, next(entries).id] == [1, 2]
    assert len(wire.calls) == 1
    rest = list(entries)
    assert [entry.id for entry in rest] == [5]
    assert statement_hash(rest[0].prev_hash, rest[0].raw) == rest[0].hash


def test_a_statement_begins_after_what_is_known(wire: responses.RequestsMock) -> None:
    page(wire, 41, [], None)
    assert list(client().iter_statement(7, after_id=41)) == []


@pytest.mark.parametrize(
    ("ids", "next_after_id", "words"),
    [
        ([5], 4, "does not advance"),
        ([], 3, "does not advance"),
        ([5, 5], None, "comes after"),
        ([6, 5], None, "comes after"),
        ([4], None, "comes after"),
    ],
)
def test_a_statement_that_goes_in_circles_is_a_protocol_error(
    wire: responses.RequestsMock, ids: list[int], next_after_id: int | None, words: str
) -> None:
    page(wire, 4, ids, next_after_id)
    with pytest.raises(ExchangeProtocolError, match=words):
        list(client().iter_statement(7, after_id=4))


@pytest.mark.parametrize("ids", [[], [1]])
def test_a_statement_that_never_ends_is_given_up(wire: responses.RequestsMock, ids: list[int]) -> None:
    time = FakeTime()
    asked: list[int] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        time.sleep(4)
        after = int(request.params["after_id"])
        asked.append(after)
        entries = [examples.entry(id=after + number) for number in ids]
        return 200, {}, json.dumps({"entries": entries, "next_after_id": after + 1})

    wire.add_callback("GET", f"{BASE}/usage/statement", callback=answer)
    with pytest.raises(ExchangeUnavailable, match="deadline"):
        list(client(time=time).iter_statement(7, deadline=5, within=10))
    assert asked == [0, 1, 2]


def test_a_core_server_offers_no_statement(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/usage/statement", status=404, body=b"404 page not found\n")
    with pytest.raises(StatementNotOffered, match="offers no statement") as caught:
        list(client().iter_statement(7))
    assert (caught.value.status, caught.value.attempts) == (404, 1)


def test_a_404_after_the_first_page_is_a_rejection(wire: responses.RequestsMock) -> None:
    page(wire, 0, [1], 1)
    wire.get(
        f"{BASE}/usage/statement",
        status=404,
        match=[matchers.query_param_matcher({"user_id": 7, "after_id": 1, "limit": 500})],
    )
    with pytest.raises(ExchangeRejected) as caught:
        list(client().iter_statement(7))
    assert type(caught.value) is ExchangeRejected


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_size_that_the_contract_does_not_know_is_refused_at_once(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        client().iter_statement(7, limit=limit)
