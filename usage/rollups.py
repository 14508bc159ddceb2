"""The sums that pages show: added to with every entry, and made again from the entries when in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Sum

from accounts.models import ExchangeAccount
from usage.models import Chain, LedgerEntry, UsageRollup
from usage.models.rollup import Grain
from usage.writing.inserting import execute_many


class Key(NamedTuple):
    """One row: an hour or a day, and what is told apart within it. 0 and "" stand for unknown or none."""

    grain: str
    starts_at: datetime
    direction: str
    service_id: int
    provider_id: int
    model_family: str
    key_id: int


class Sums(NamedTuple):
    """What a row adds up: counts, tokens, nano-dollars; net of reversals, which count as entries."""

    entries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nanos: int = 0
    unpriced_tokens: int = 0


class Difference(NamedTuple):
    """A row that does not say what its entries add up to."""

    key: Key
    kept: Sums
    entries: Sums


def add(account_id: int, entries: Iterable[LedgerEntry]) -> None:
    """Add new entries. Must be called in the transaction that inserts them, under the chain's lock."""
    sums = _sums(entries)
    if not sums:
        return
    rows = [(account_id, *key, *sums[key]) for key in sorted(sums)]
    execute_many(_upsert(), [_adapted(row) for row in rows])


def of_key(account_id: int, key_id: int) -> tuple[int, int]:
    """The tokens and nano-dollars of all entries under this key, net of reversals."""
    days = UsageRollup.objects.filter(account=account_id, grain=Grain.DAY, key_id=key_id)
    sums = days.aggregate(
        tokens=Sum(F("prompt_tokens") + F("completion_tokens"), default=0), nanos=Sum("cost_nanos", default=0)
    )
    return int(sums["tokens"]), int(sums["nanos"])


def rebuild(account: ExchangeAccount) -> int:
    """Make every row of the account again from its entries; how many there are now.

    Recording waits meanwhile: the chain is locked.
    """
    with transaction.atomic():
        Chain.objects.select_for_update().filter(account=account).first()
        UsageRollup.objects.filter(account=account).delete()
        sums = _sums(_entries_of(account))
        UsageRollup.objects.bulk_create(
            [
                UsageRollup(account=account, **key._asdict(), **total._asdict())
                for key, total in sorted(sums.items())
            ],
            batch_size=500,
        )
    return len(sums)


def differences(account: ExchangeAccount, entries: Iterable[LedgerEntry] | None = None) -> list[Difference]:
    """The rows that differ from what the entries add up to, in order; ``entries`` are all of the account's.

    Call it inside a transaction that sees one state of the database, or while nobody records.
    """
    wanted = _sums(_entries_of(account) if entries is None else entries)
    return compare(account, wanted)


def compare(account: ExchangeAccount, wanted: dict[Key, Sums]) -> list[Difference]:
    """``differences``, for who has added up the entries already."""
    kept = {
        Key(*row[: len(Key._fields)]): Sums(*row[len(Key._fields) :])
        for row in UsageRollup.objects.filter(account=account).values_list(*Key._fields, *Sums._fields)
    }
    return [
        Difference(key, kept.get(key, Sums()), wanted.get(key, Sums()))
        for key in sorted(kept.keys() | wanted.keys())
        if kept.get(key) != wanted.get(key)
    ]


def keys_of(entry: LedgerEntry) -> Iterator[Key]:
    """The rows to which an entry belongs: its hour's and its day's."""
    at = entry.occurred_at.astimezone(UTC)
    hour = at.replace(minute=0, second=0, microsecond=0)
    rest = (
        entry.direction,
        entry.service_id,
        entry.provider_id or 0,
        entry.model_family or "",
        entry.api_key_id or 0,
    )
    yield Key(Grain.HOUR.value, hour, *rest)
    yield Key(Grain.DAY.value, hour.replace(hour=0), *rest)


def _sums(entries: Iterable[LedgerEntry]) -> dict[Key, Sums]:
    sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * len(Sums._fields))
    for entry in entries:
        sign = entry.sign
        change = (
            1,
            sign * entry.prompt_tokens,
            sign * entry.completion_tokens,
            sign * (entry.cached_tokens or 0),
            sign * (entry.reasoning_tokens or 0),
            sign * (entry.cost_nanos or 0),
            sign * entry.total_tokens if entry.cost_nanos is None else 0,
        )
        for key in keys_of(entry):
            total = sums[key]
            for place, number in enumerate(change):
                total[place] += number
    return {key: Sums(*total) for key, total in sums.items()}


def _entries_of(account: ExchangeAccount) -> Iterable[LedgerEntry]:
    return LedgerEntry.objects.filter(account=account).order_by("seq").iterator(chunk_size=5000)


def _adapted(row: tuple[Any, ...]) -> list[Any]:
    return [
        connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
        for value in row
    ]


@lru_cache(maxsize=1)
def _upsert() -> str:
    table = UsageRollup._meta.db_table
    key, sums = ", ".join(("account_id", *Key._fields)), ", ".join(Sums._fields)
    places = ", ".join(["%s"] * (1 + len(Key._fields) + len(Sums._fields)))
    change = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in Sums._fields)
    # only names of our own columns are in it
    return f"INSERT INTO {table} ({key}, {sums}) VALUES ({places}) ON CONFLICT ({key}) DO UPDATE SET {change}"  # noqa: S608
