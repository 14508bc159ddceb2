"""Eight megabytes that mean nothing cost little more than eight megabytes, and are refused as usual."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from accounts.api import json as api_json
from accounts.models import ExchangeAccount
from accounts.tests.api import Caller, program, refusal, told
from catalog.tests.wire import Wire
from usage.ledger import MOST_AT_ONCE
from usage.litellm import skipping
from usage.litellm.reading import Unreadable, rows_of
from usage.models import LedgerEntry

MB = 1_000_000
SIZE = 8 * MB - 100
MOST_MEMORY = 60 * MB
"""Of the site for one body, the body itself, and the text that it was decoded to, among it."""
ENTRY = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 1, "direction": "consume"}
HEAD = json.dumps(ENTRY).encode()[:-1]


def many(piece: bytes, head: bytes = b'{"entries":[', tail: bytes = b"]}") -> bytes:
    return head + b",".join([piece] * ((SIZE - len(head) - len(tail)) // (len(piece) + 1))) + tail


def names(count: int, value: bytes = b"0") -> bytes:
    return b",".join(b'"%x":%s' % (number, value) for number in range(count))


BODIES: dict[str, Callable[[], bytes]] = {
    "objects": lambda: many(b"{}"),
    "arrays": lambda: many(b"[]"),
    "arrays in arrays": lambda: many(b"[" * 20 + b"]" * 20),
    "decimals": lambda: many(b"1.5"),
    "little objects": lambda: many(b'{"a":1.5}'),
    "empty texts": lambda: many(b'""'),
    "attributes": lambda: HEAD + b',"attributes":{' + names(600_000) + b"}}",
    "attributes that are none": lambda: HEAD + b',"attributes":{' + names(600_000, b"1.5") + b"}}",
    "names that nobody knows": lambda: HEAD + b"," + names(600_000) + b"}",
    "such names in every entry": lambda: many(
        HEAD + b"," + names(600) + b"}",
    ),
    "a list for an id": lambda: many(b"1.5", HEAD + b',"entry_id":['),
    "names beside the entries": lambda: b'{"entries":[],' + names(600_000) + b"}",
    "escaped quotes": lambda: many(b'\\"[,', HEAD + b',"memo":"', b'"}'),
}


@pytest.fixture
def agent(account: ExchangeAccount, wire: Wire) -> Caller:
    wire.is_down()
    return program(account.user, "record")


def sent(agent: Caller, body: bytes) -> tuple[Any, int, float]:
    """The answer, the most memory that it took in bytes (without the test's own copies), and seconds."""
    began = time.perf_counter()
    agent.post("/usage", body)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    try:
        # the test client keeps one copy of what it sends, a request on the wire has none
        response = agent.post("/usage", body)
        return response, tracemalloc.get_traced_memory()[1] - len(body), seconds
    finally:
        tracemalloc.stop()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_of_many_values_is_refused_before_they_are_built(kind: str, agent: Caller) -> None:
    response, memory, seconds = sent(agent, BODIES[kind]())
    assert refusal(response) in [(413, "too_large", None), (422, "invalid", "memo")]
    assert memory < MOST_MEMORY
    assert seconds < 5  # a second on a slow machine; without the bound up to twenty
    assert not LedgerEntry.objects.exists()


@pytest.mark.django_db
def test_no_fault_is_told_of_each_of_many_values(agent: Caller) -> None:
    body = HEAD + b',"attributes":{' + names(api_json.MOST_VALUES - 10, b"1.5") + b"}}"
    response, memory, _seconds = sent(agent, body)
    assert refusal(response) == (422, "invalid", "attributes.0")
    assert memory < MOST_MEMORY


@pytest.mark.django_db
def test_one_long_text_is_read_and_refused(agent: Caller) -> None:
    body = HEAD + b',"memo":"' + b",[{" * (SIZE // 3 - 100) + b'"}'
    response, memory, _seconds = sent(agent, body)
    assert refusal(response) == (422, "invalid", "memo")
    assert memory < MOST_MEMORY


@pytest.mark.django_db
def test_the_largest_that_means_something_is_recorded(agent: Caller) -> None:
    attributes = {f"a name of attribute {number:02}, with [{{": "x,y" * 13 for number in range(50)}
    entry = {
        **ENTRY,
        "memo": ",[{" * 166,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "attributes": attributes,
    }
    body = json.dumps({"entries": [entry] * MOST_AT_ONCE}).encode()
    assert api_json._values(body) > 4 * api_json.MOST_VALUES
    response = agent.post("/usage", body)
    assert response.status_code == 200, response.content
    assert {result["status"] for result in told(response)["results"]} == {"recorded"}


@pytest.mark.django_db
def test_more_entries_than_may_be_are_told_as_before(agent: Caller) -> None:
    response = agent.post("/usage", {"entries": [ENTRY] * 5000})
    assert refusal(response) == (422, "invalid", "entries")


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"[" + b"0," * 99 + b"0]", 100),
        (b'["' + b",[{" * 500 + b'"]', 1),
        (b'["' + b'\\",' * 500 + b'"]', 1),
        (b'["\\\\",' + b"0," * 98 + b"0]", 100),
        (b"[" + b"{}," * 49 + b"{}]", 100),
    ],
)
def test_values_are_counted_outside_of_text(
    body: bytes, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_json, "MOST_VALUES", values)
    assert not api_json._has_too_many_values(body)
    monkeypatch.setattr(api_json, "MOST_VALUES", values - 1)
    assert api_json._has_too_many_values(body)


# an entry with many faults: the first is told, as pydantic tells it


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"zz": 1, "aa": 2}, "zz"),
        ({"prompt_tokens": "many", "zz": 1}, "prompt_tokens"),
        ({"attributes": {f"n{number}": 1 for number in range(51)}}, "attributes"),
        ({"attributes": {f"n{number}": 1 for number in range(5000)}}, "attributes"),
        ({"attributes": {f"n{number}": 1.5 for number in range(5000)}}, "attributes.n0"),
        ({f"z{number}": 1 for number in range(20_000)}, "z0"),
    ],
)
def test_the_first_fault_is_told(changes: dict[str, Any], field: str, agent: Caller) -> None:
    assert refusal(agent.post("/usage", {**ENTRY, **changes})) == (422, "invalid", field)


@pytest.mark.django_db
def test_fifty_attributes_may_be(agent: Caller) -> None:
    attributes = {f"n{number}": number for number in range(50)}
    assert agent.post("/usage", {**ENTRY, "attributes": attributes}).status_code == 201


# LiteLLM's rows, which may be as long


LITTLE = b'{"a":1}'


@pytest.mark.parametrize("piece", [b"[]", b'{"a":1.5}'])
def test_a_row_of_many_values_is_passed_over(piece: bytes) -> None:
    row = many(piece, b'{"x":[', b"]}")
    stream = io.BytesIO(b"[" + LITTLE + b"," + row + b"]")
    tracemalloc.start()
    try:
        rows = list(rows_of(stream.read))
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows[0] == {"a": 1}
    assert isinstance(rows[1], Unreadable)
    assert memory < MOST_MEMORY


def test_a_long_row_is_no_row_of_many_values() -> None:
    row = {"messages": [{"role": "user", "content": ',[{"\\' * 100_000}] * 8, "more": list(range(1000))}
    body = json.dumps([row, {"a": 1}] * 2).encode()
    assert list(rows_of(io.BytesIO(body).read)) == [row, {"a": 1}] * 2


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("[" + "0," * 97 + "0]", 99),
        ('["' + ",[{" * 500 + '"]', 2),
        ('["' + '\\",' * 500 + '"]', 2),
        ('{"a":{"b":[1,2]},"c":"]"}, [[[[[[', 8),
    ],
)
def test_the_signs_of_one_row_are_counted(text: str, signs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipping, "MOST_VALUES", signs)
    assert not skipping.has_too_many_values(text, 0)
    monkeypatch.setattr(skipping, "MOST_VALUES", signs - 1)
    assert skipping.has_too_many_values(text, 0)


@pytest.mark.parametrize("text", ["", "5", '"open', '"open\\', "[1,2", '{"a', "]", "0, [[[["])
def test_what_has_not_come_is_not_counted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipping, "MOST_VALUES", 3)
    assert not skipping.has_too_many_values(text, 0)
