import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import Rule
from exchange.error_bodies import ErrorBody, read_error_body

CEILING = Rule("PRICE_CEILING", "too dear")


def read(document: Any) -> ErrorBody:
    return read_error_body(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("document", "message", "code"),
    [
        ({"error": "no such user"}, "no such user", None),
        ({"error": {"code": "NO_USER", "message": "no such user"}}, "no such user", "NO_USER"),
        ({"error": {"code": 17, "message": "no such user"}}, "no such user", "17"),
        ({"error": "no such user", "code": "NO_USER"}, "no such user", "NO_USER"),
        ({"error": {"code": "NO_USER"}}, "", "NO_USER"),
        ({"message": "no such user"}, "no such user", None),
        ({"error": None, "detail": "no such user"}, "no such user", None),
        ("no such user", "no such user", None),
        ({"error": True}, "", None),
        ({"error": ["a"]}, "", None),
        ([], "", None),
        (None, "", None),
    ],
)
def test_it_reads_the_words_and_the_code(document: Any, message: str, code: str | None) -> None:
    said = read(document)
    assert (said.message, said.code, said.rules) == (message, code, ())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, ""),
        (b"", ""),
        (b"missing email\n", "missing email"),
        (b"<!doctype html><h1>Bad gateway</h1>", ""),
        (b'  {"error": "cut of', ""),
        (b"\xff\xfe\x00", ""),
        ("zu teuer €".encode(), "zu teuer €"),
        (b"line one\r\nline two\x1b[31m", "line one line two [31m"),
    ],
)
def test_it_reads_what_is_no_json(body: bytes | None, message: str) -> None:
    assert read_error_body(body) == ErrorBody(message)


@pytest.mark.parametrize(
    "document",
    [
        {"rules": [{"id": "PRICE_CEILING", "message": "too dear"}]},
        {"violations": [{"id": "PRICE_CEILING", "message": "too dear"}]},
        {"violations": [{"rule_id": "PRICE_CEILING", "detail": "too dear"}]},
        {"rule": {"id": "PRICE_CEILING", "message": "too dear"}},
        {"rule_id": "PRICE_CEILING", "rules": [{"id": "PRICE_CEILING", "message": "too dear"}]},
        {"rules": {"id": "PRICE_CEILING", "message": "too dear"}},
        {"rules": {"PRICE_CEILING": "too dear"}},
        {"error": {"message": "refused", "rules": [{"id": "PRICE_CEILING", "message": "too dear"}]}},
        {
            "error": "refused",
            "rules": [None, 1.5, [], {}, True, {"id": "PRICE_CEILING", "message": "too dear"}],
        },
    ],
)
def test_it_reads_a_rule_in_every_form(document: Any) -> None:
    assert read(document).rules == (CEILING,)


@pytest.mark.parametrize("key", ["rules", "violations", "rule", "rule_id"])
@pytest.mark.parametrize(
    "value", ["PRICE_CEILING", ["PRICE_CEILING"], [{"id": "PRICE_CEILING"}], {"code": "PRICE_CEILING"}]
)
def test_it_reads_a_bare_identifier(key: str, value: Any) -> None:
    assert read({"error": "refused", key: value}).rules == (Rule("PRICE_CEILING"),)


def test_it_keeps_each_rule_once_in_their_order() -> None:
    said = read({"error": "no", "rules": ["B", {"id": "A", "message": "a"}, "B", 42], "rule": "C"})
    assert said.rules == (Rule("B"), Rule("A", "a"), Rule("42"), Rule("C"))


def test_what_a_server_says_is_bounded_and_on_one_line() -> None:
    said = read(
        {
            "error": "x\n" * 10_000,
            "rules": [{"id": f"R{n}\r\n" + "y" * 500, "message": "z" * 9999} for n in range(200)],
        }
    )
    assert len(said.message) == 300
    assert len(said.rules) == 50
    assert all(
        len(rule.id) <= 100 and len(rule.message) <= 300 and "\n" not in rule.id for rule in said.rules
    )


@pytest.mark.parametrize(
    "document", [{"rules": 1.5}, {"rules": [[["A"]]]}, {"rule": ""}, {"rule_id": False}, {"violations": None}]
)
def test_malformed_rules_are_no_rules(document: Any) -> None:
    assert read(document).rules == ()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
keys = st.sampled_from(["error", "rules", "rule", "rule_id", "violations", "id", "message", "code", "x"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5)
)


@given(documents)
def test_reading_an_error_never_raises(document: Any) -> None:
    said = read(document)
    assert all(rule.id for rule in said.rules)


@given(st.binary(max_size=300))
def test_reading_any_bytes_never_raises(body: bytes) -> None:
    assert "\n" not in read_error_body(body).message
