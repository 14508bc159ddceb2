from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import ExchangeAccount
from usage.canonical import canonical, digest, fields_of
from usage.factories import make_entry
from usage.models import Chain
from usage.tests.books import (
    entries_of,
    make_book,
    rows_of,
)
from usage.verifying.content import _cost
from usage.verifying.rows import HASH, HASHED, NAMES, digester
from usage.writing.pricing import cost_nanos

pytestmark = pytest.mark.django_db
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_fast_way_hashes_the_fields_that_are_hashed(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    fields = fields_of(entry, chain_id=Chain.objects.get().chain_id, exchange=account.exchange.base_url)
    assert sorted([*NAMES, "chain", "exchange"]) == sorted(fields)
    assert list(NAMES) == sorted(NAMES)


def test_the_fast_way_reads_every_field_as_it_is_hashed() -> None:
    account = make_book()
    chain = Chain.objects.get(account=account)
    compute = digester(chain.chain_id, account.exchange.base_url)
    rows, entries = rows_of(account), entries_of(account)
    assert len(rows) == len(entries) == 24
    for row, entry in zip(rows, entries, strict=True):
        fields = fields_of(entry, chain_id=chain.chain_id, exchange=account.exchange.base_url)
        assert dict(zip(NAMES, row[:HASHED], strict=True)) == {name: fields[name] for name in NAMES}
        assert compute(row) == digest(fields) == entry.hash == row[HASH]


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"])) | st.none(),
        min_size=len(NAMES),
        max_size=len(NAMES),
    ),
    numbers=st.lists(st.integers(), min_size=len(NAMES), max_size=len(NAMES)),
    exchange=TEXT,
)
def test_the_fast_way_writes_canonical_json(
    texts: list[str | None], numbers: list[int], exchange: str
) -> None:
    chain_id = uuid.uuid4()
    for values in (texts, numbers):
        row = tuple(values)
        fields = dict(zip(NAMES, row, strict=True)) | {"chain": str(chain_id), "exchange": exchange}
        assert digester(chain_id, exchange)(row) == digest(fields), canonical(fields)


def test_half_a_character_has_no_hash() -> None:
    assert digester(uuid.uuid4(), "e")(("\ud800",) * HASHED) is None


@given(
    price=st.decimals(min_value=0, max_value=10**6, places=12, allow_nan=False, allow_infinity=False),
    tokens=st.integers(0, 2**53),
)
def test_the_cost_is_the_one_that_is_recorded(price: Any, tokens: int) -> None:
    assert _cost(format(price, "f"), tokens) == cost_nanos(price, prompt_tokens=tokens, completion_tokens=0)


@pytest.mark.parametrize(("tokens", "nanos"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_a_cost_is_rounded_half_even(tokens: int, nanos: int) -> None:
    assert _cost("0.0000005", tokens) == nanos
