"""A body into rows: whatever comes, one row at a time, and no row at the cost of another."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from usage.litellm import reading, skipping
from usage.litellm.reading import NothingToRead, Unreadable, rows_of
from usage.tests.litellm import body_of, sample

MB = 1_000_000
A, B, C = {"a": 1}, {"b": "x"}, {"c": [None, {"d": 2.5}]}


def read(body: bytes) -> list[Any]:
    return list(rows_of(io.BytesIO(body).read))


def in_pieces(body: bytes, size: int) -> Callable[[int], bytes]:
    """A network that brings so few bytes at a time."""
    stream = io.BytesIO(body)
    return lambda _most: stream.read(size)


def seen(body: bytes) -> list[Any]:
    """The same, with a mark for what could not be read: and so for the rest."""
    return [("rest" if one.rest else "bad") if isinstance(one, Unreadable) else one for one in read(body)]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"[]", []),
        (b' \r\n\t[{"a":1} , {"b":"x"}]\n', [A, B]),
        (b'{"a":1}', [A]),
        (b'{"a":1}\n{"b":"x"}', [A, B]),
        (b'{"a":1}\r\n\n{"b":"x"}\n\n', [A, B]),
        (b'{\n "a": 1\n}\n{\n "b": "x"\n}', [A, B]),
        (b'\xef\xbb\xbf[{"a":1}]', [A]),
        (b'\xef\xbb\xbf{"a":1}', [A]),
        (b'[{"c":[null,{"d":2.5}]}]', [C]),
        (b'[null, 5, 1.5, true, "x", [1]]', [None, 5, 1.5, True, "x", [1]]),
        ('[{"b":"量 ünï 😀"}]'.encode(), [{"b": "量 ünï 😀"}]),
        (b'[{"b":"\\ud800"}]', [{"b": "\ud800"}]),
        (b'[{"b":"\xff\xfe"}]', [{"b": "\ufffd\ufffd"}]),
        (b'[{"b":"x\\\\"},{"b":"]},{\\"["}]', [{"b": "x\\"}, {"b": ']},{"['}]),
        (b'[{"a":NaN,"b":Infinity,"c":-Infinity}]', [{"a": None, "b": None, "c": None}]),
        (b'[{"a":' + b"9" * 100_000 + b',"b":0.' + b"1" * 100_000 + b"}]", [{"a": None, "b": None}]),
        (b'[{"a":1}] and more', [A]),
    ],
)
def test_a_body_is_an_array_or_lines_or_one_row(body: bytes, rows: list[Any]) -> None:
    assert read(body) == rows
    for size in (1, 2, 3, 7):
        if len(body) < 1000:
            assert list(rows_of(in_pieces(body, size))) == rows


@pytest.mark.parametrize(
    "body", [b"", b" \n", b"hello", b"42", b'"text"', b"null", b"\x00[]", b"\xff\xfe", b"}{"]
)
def test_a_body_without_a_row_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NothingToRead):
        read(body)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b'[{"a":1},{"b":oops,"c":[1,"]},"]},{"b":"x"}]', [A, "bad", B]),
        (b'[oops, {"a":1}, , {"b":"x"}]', ["bad", A, B]),
        (b'[{"a":1},{"b":"un\nescaped"},{"b":"x"}]', [A, "bad", B]),
        (b'[{"a":1},{"b":"\\q"},{"b":"x"}]', [A, "bad", B]),
        (b'[{"a":1},' + b"[" * 100_000 + b"]" * 100_000 + b',{"b":"x"}]', [A, "bad", B]),
        (b'[{"a":1},' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b',{"b":"x"}]', [A, "bad", B]),
        (b'[{"a":1},{"b":"cut', [A, "rest"]),
        (b'[{"a":1},{"b":"cut\\', [A, "rest"]),
        (b'[{"a":1},{"b":', [A, "rest"]),
        (b'[{"a":1}', [A, "rest"]),
        (b'[{"a":1},', [A, "rest"]),
        (b"[", ["rest"]),
        (b'{"a":1}\n{"b":oops}\n{"b":"x"}', [A, "bad", B]),
        (b'{"a":1}\n{"b":"cut\n{"b":"x"}', [A, "bad", B]),
        (b'{"a":1}\nlog: started\n\n{"b":"x"}', [A, "bad", B]),
        (b'{\n "b": {\n  "c": oops\n }\n}\n{"a":1}', ["bad", A]),
        (b'{"a":1}\n{"b":', [A, "bad"]),
        (b"{" * 100_000, ["bad"]),
    ],
)
def test_what_cannot_be_read_costs_only_itself(body: bytes, rows: list[Any]) -> None:
    assert seen(body) == rows
    if len(body) < 1000:
        for size in (1, 2, 3, 7):
            one_by_one = list(rows_of(in_pieces(body, size)))
            assert one_by_one == read(body), "what stands for it does not depend on how it came"


def test_what_cannot_be_read_is_known_by_its_hash_alone() -> None:
    (_first, bad, _last) = read(b'[{"a":1},{"b":oops},{"b":"x"}]')
    (again,) = read(b'[{"b":oops}]')
    (other,) = read(b'[{"b":oops!}]')
    assert bad == again != other
    assert "oops" not in repr(bad)


def test_what_litellm_sent_is_read_in_each_form() -> None:
    rows = sample()
    assert read(body_of(*rows)) == rows
    assert read("\n".join(json.dumps(row) for row in rows).encode()) == rows
    assert read(json.dumps(rows[0]).encode()) == rows[:1]


@pytest.mark.parametrize("form", ["array", "lines"])
def test_32_megabytes_are_read_in_a_few(form: str) -> None:
    """The bound: 4 MB while rows are of LiteLLM's size, whatever the body's."""
    rows = sample() * 540
    body = body_of(*rows) if form == "array" else "\n".join(json.dumps(row) for row in rows).encode()
    assert 30 * MB < len(body) < 32 * MB
    count, peak = measured(body)
    assert count == len(rows)
    assert peak < 4 * MB


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'[{"a":"' + b"x" * 31 * MB + b'"},{"a":1}]', 2),
        (b'[{"a":"' + b"x" * 31 * MB, 1),
        (b'{"a":"' + b"x" * 31 * MB, 1),
        (b'[{"a":oops' + b"[]" * 15 * MB, 1),
    ],
)
def test_a_row_beyond_any_sense_is_passed_over_without_being_held(
    body: bytes, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound: three times the longest row that is looked at."""
    monkeypatch.setattr(skipping, "MOST_SIGNS", 10_000)
    found, peak = measured(body)
    assert found == count
    assert peak < 3 * reading.LONGEST_ROW


def measured(body: bytes) -> tuple[int, int]:
    """How many rows there are, and the most memory that reading them took, in bytes."""
    stream = io.BytesIO(body)
    tracemalloc.start()
    try:
        return sum(1 for _row in rows_of(stream.read)), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
