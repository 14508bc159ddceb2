from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from accounts.models import ExchangeAccount
from usage.canonical import canonical, digest, fields_of, moment
from usage.factories import make_entry
from usage.models import LedgerEntry

CHAIN = uuid.UUID("6f1c1f6e-6a58-4b8c-9a55-0f6d3a0f7b11")


def test_the_bytes_are_sorted_unspaced_and_unescaped() -> None:
    assert canonical({"b": 1, "a": "é\n", "c": None}) == '{"a":"é\\n","b":1,"c":null}'.encode()
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_time_always_has_six_digits_and_is_utc() -> None:
    assert moment(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00.000000Z"
    there = datetime(2026, 1, 31, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=2)))
    assert moment(there) == "2026-01-31T10:00:00.000007Z"


@pytest.mark.django_db
def test_every_column_but_the_key_is_in_the_hash(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    said = fields_of(entry, chain_id=CHAIN, exchange="http://e")
    columns = {field.attname for field in LedgerEntry._meta.concrete_fields}
    # the account is said by its chain and its Exchange: its key means nothing outside this database
    assert columns - said.keys() == {"id", "account_id", "hash"}
    assert said.keys() - columns == {"chain", "exchange"}
    assert all(value is None or type(value) in (str, int) for value in said.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2},
        {"prev_hash": "1" * 64},
        {"memo": "x"},
        {"cost_nanos": 1},
        {"price_per_1k_tokens": Decimal("0.10")},
        {"occurred_at_given": True},
        {"reverses_seq": 1},
        {"api_key_id": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_hash_is_another(account: ExchangeAccount, change: dict[str, object]) -> None:
    entry = make_entry(account=account)
    before = digest(fields_of(entry, chain_id=CHAIN, exchange="http://e"))
    for name, value in change.items():
        setattr(entry, name, value)
    assert digest(fields_of(entry, chain_id=CHAIN, exchange="http://e")) != before


@pytest.mark.django_db
def test_anybodys_json_reads_it(account: ExchangeAccount) -> None:
    said = fields_of(make_entry(account=account), chain_id=CHAIN, exchange="http://e")
    assert json.loads(canonical(said)) == said
