import hashlib
from decimal import Decimal

import pytest

from exchange import GENESIS_HASH, statement_hash


def test_it_hashes_as_the_contract_says() -> None:
    raw = {"b": 1, "a": "é", "prev_hash": GENESIS_HASH, "hash": "x", "n": None}
    expected = hashlib.sha256((GENESIS_HASH + "\n" + '{"a":"é","b":1,"n":null}').encode()).hexdigest()
    assert statement_hash(GENESIS_HASH, raw) == expected


def test_unknown_fields_are_part_of_the_chain() -> None:
    assert statement_hash(GENESIS_HASH, {"id": 1}) != statement_hash(GENESIS_HASH, {"id": 1, "fee": 2})


def test_the_previous_hash_is_part_of_the_chain() -> None:
    assert statement_hash(GENESIS_HASH, {"id": 1}) != statement_hash("1" * 64, {"id": 1})


def test_a_fraction_in_an_unknown_field_is_written_the_shortest_way() -> None:
    expected = hashlib.sha256((GENESIS_HASH + '\n{"fee":1.5}').encode()).hexdigest()
    assert statement_hash(GENESIS_HASH, {"fee": Decimal("1.50")}) == expected


@pytest.mark.parametrize("odd", [{"a": "\ud800"}, {"a": object()}])
def test_what_json_cannot_say_is_a_value_error(odd: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        statement_hash(GENESIS_HASH, odd)
