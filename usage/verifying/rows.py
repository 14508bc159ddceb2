"""Reading a chain's entries fast: plain rows, each field as it is hashed, and the hash computed again.

Ten million model instances would take minutes to make. The rows hold what ``usage.canonical`` hashes; a test
compares the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection

from usage.models import Delivery, LedgerEntry

PAGE = 2000
Row = tuple[Any, ...]

NAMES = (
    "api_key_id",
    "attributes",
    "cached_tokens",
    "completion_tokens",
    "cost_nanos",
    "currency",
    "direction",
    "entry_id",
    "evidence",
    "memo",
    "model_family",
    "occurred_at",
    "occurred_at_given",
    "prev_hash",
    "price_per_1k_tokens",
    "prompt_tokens",
    "provider_id",
    "provider_name",
    "reasoning_tokens",
    "recorded_at",
    "reverses_seq",
    "seq",
    "service_id",
    "service_name",
    "source",
    "v",
)
"""The first columns of a row: the hashed fields, sorted; without ``chain`` and ``exchange``, which are the
chain's own."""
HASHED = len(NAMES)
AT = {name: place for place, name in enumerate((*NAMES, "hash", "id", "delivery", "state"))}
"""The place of each column. ``delivery``: 1 where its copies are the entry's, 0 where not, NULL for none."""
SEQ, HASH, ID, STATE = AT["seq"], AT["hash"], AT["id"], AT["state"]

# how a column is written where it is not hashed as it is stored; "+" takes its type away, and with that the
# driver's slow way to a bool
_SQLITE = {
    "entry_id": (
        "substr(e.entry_id, 1, 8) || '-' || substr(e.entry_id, 9, 4) || '-' || substr(e.entry_id, 13, 4)"
        " || '-' || substr(e.entry_id, 17, 4) || '-' || substr(e.entry_id, 21)"
    ),
    "occurred_at_given": "+e.occurred_at_given",
    **{
        name: f"replace(e.{name}, ' ', 'T') || CASE length(e.{name}) WHEN 19 THEN '.000000Z' ELSE 'Z' END"
        for name in ("occurred_at", "recorded_at")
    },
}
_POSTGRES = {
    "entry_id": "e.entry_id::text",
    "occurred_at_given": "e.occurred_at_given::int",
    **{
        name: f"""to_char(e.{name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        for name in ("occurred_at", "recorded_at")
    },
}


def pages(account_id: int, exchange_id: int) -> Iterator[list[Row]]:
    """The account's entries in their order, with what their deliveries repeat; some thousand at a time."""
    seq, pk = 0, 0
    # whatever a tamperer wrote as a number, nothing is passed over
    rows = _page(account_id, exchange_id, None)
    while rows:
        yield rows
        seq, pk = rows[-1][SEQ], rows[-1][ID]
        rows = _page(account_id, exchange_id, (seq, pk))


def digester(chain_id: UUID, exchange: str) -> Callable[[Row], str | None]:
    """A function that computes a row's hash; None where something stands in it that cannot be hashed."""
    template = _template(chain_id, exchange)
    quote, sha256, text = encode_basestring, hashlib.sha256, str

    def digest(row: Row) -> str | None:
        values = [
            quote(value) if value.__class__ is text else "null" if value is None else value
            for value in row[:HASHED]
        ]
        try:
            return sha256((template % tuple(values)).encode()).hexdigest()
        except UnicodeEncodeError:
            return None

    return digest


def _template(chain_id: UUID, exchange: str) -> str:
    constants = {"chain": str(chain_id), "exchange": exchange}
    parts = dict.fromkeys(NAMES, "%s") | {
        name: encode_basestring(value).replace("%", "%%") for name, value in constants.items()
    }
    return "{" + ",".join(f'"{name}":{parts[name]}' for name in sorted(parts)) + "}"


def _page(account_id: int, exchange_id: int, after: tuple[int, int] | None) -> list[Row]:
    place = "" if after is None else "AND e.seq >= %s AND (e.seq > %s OR e.id > %s)"
    values = [account_id, *(() if after is None else (after[0], *after)), PAGE]
    statement = _statement(place)
    try:
        return _fetch(statement, [exchange_id, *values])
    except OperationalError as error:
        if "decode" not in str(error).lower():
            raise
    # bytes that are no text, which no program of ours wrote: read them all the same, to say whose they are
    raw = connection.connection
    before, raw.text_factory = raw.text_factory, lambda data: data.decode(errors="surrogateescape")
    try:
        return _fetch(statement, [exchange_id, *values])
    finally:
        raw.text_factory = before


def _fetch(statement: str, values: list[int]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[Row] = cursor.fetchall()
        return rows


def _statement(place: str) -> str:
    special = _POSTGRES if connection.vendor == "postgresql" else _SQLITE
    columns = ", ".join(special.get(name, f"e.{name}") for name in NAMES)
    entries, deliveries = LedgerEntry._meta.db_table, Delivery._meta.db_table
    mine = f"{entries} e WHERE e.account_id = %s {place} ORDER BY e.seq, e.id LIMIT %s"
    joined = f"LEFT JOIN {deliveries} d ON d.entry_id = e.id"
    # PostgreSQL might think of joining everything, so the page is cut first; SQLite would sort it once more
    source = (
        f"(SELECT * FROM {mine}) e {joined} ORDER BY e.seq, e.id"  # noqa: S608
        if connection.vendor == "postgresql"
        else mine.replace(" e WHERE", f" e {joined} WHERE")
    )
    # only names of our own are in it
    return f"""
        SELECT {columns}, e.hash, e.id,
            CASE WHEN d.entry_id IS NULL THEN NULL
                 WHEN d.account_id = e.account_id AND d.exchange_id = %s AND d.seq = e.seq
                      AND d.occurred_at = e.occurred_at THEN 1
                 ELSE 0 END,
            d.state
        FROM {source}
    """  # noqa: S608
