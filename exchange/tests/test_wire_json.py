import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire_json import WireError, dumps, loads

bounded = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**14, places=9)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (Decimal("0.0003"), b"0.0003"),
        (Decimal("1E-7"), b"0.0000001"),
        (Decimal("0.10"), b"0.10"),
        (Decimal("1E+5"), b"100000"),
        (Decimal("123456789012345678901234567890.123456789"), b"123456789012345678901234567890.123456789"),
        (Decimal(0), b"0"),
    ],
)
def test_it_writes_a_decimal_digit_by_digit(number: Decimal, written: bytes) -> None:
    assert dumps({"p": number}) == b'{"p":' + written + b"}"


@given(bounded)
def test_a_price_comes_back_as_it_was_sent(price: Decimal) -> None:
    assert loads(dumps([price]))[0] == price


def test_a_price_that_is_read_has_no_dust() -> None:
    assert loads(b'{"p": 0.1}')["p"] * 3 == Decimal("0.3")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        ),
    )
)
def test_it_writes_what_pythons_own_reader_understands(value: object) -> None:
    assert json.loads(dumps(value)) == value


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), "\ud800", {1}]
)
def test_it_refuses_to_send_what_json_cannot_say(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is the contract, the words are not
        dumps({"v": value})


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a":', "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"p": NaN}', "NaN is not a JSON number"),
        (b'{"p": -Infinity}', "not a JSON number"),
        (b'{"p": 1e999999999}', "out of any sensible range"),
        (b'{"p": 1e-999999999}', "out of any sensible range"),
        (b'{"p": 0.' + b"1" * 5_000_000 + b"}", "too many digits"),
        (b'{"p": ' + b"9" * 5_000_000 + b"}", "too many digits"),
        (b"[" * 200_000, "nested too deeply"),
        # what reads it gets through, and what writes it again would not
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (b'{"a":[' * 26 + b"]}" * 26, "nested too deeply"),
    ],
)
def test_it_refuses_what_is_not_the_contracts_json(body: bytes, problem: str) -> None:
    with pytest.raises(WireError, match=problem):
        loads(body)


def test_it_reads_what_is_nested_as_nobody_would_nest_it() -> None:
    assert loads(b'{"a":[' * 25 + b"]}" * 25)


def test_it_reads_json_with_a_byte_order_mark() -> None:
    assert loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@given(st.binary(max_size=200))
def test_reading_raises_nothing_but_a_wire_error(body: bytes) -> None:
    with suppress(WireError):
        loads(body)
