"""Looking memos up in their index, newest entries first, a bounded number of blocks at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from django.db import connection

from usage.memos.index import BLOCK_BITS, TABLE, block_of, term_in
from usage.memos.terms import Wanted

GROUPS = (1, 4, 16, 64, 128)
"""Blocks that one query looks into: few at first, because a frequent word fills a page from the newest."""
MOST_BLOCKS = 128
"""Blocks that one search looks into: four million entries."""


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of entries, in the order of the search. ``searched_to``: all up to this key was looked through,
    and what lies behind it was not; None where nothing lies behind it.
    """

    keys: list[int]
    searched_to: int | None = None


def search(
    account: int, wanted: Wanted, start: int, end: int, *, limit: int, most_blocks: int = MOST_BLOCKS
) -> Found:
    """The first ``limit`` entries that fit, from key ``start`` to key ``end``, both included.

    Where ``start`` is the larger one, newest first; else oldest first.
    """
    step = -1 if start >= end else 1
    blocks = range(block_of(start), block_of(end) + step, step)
    keys: list[int] = []
    for group in _groups(blocks[:most_blocks]):
        keys += _look(account, wanted, group, start, end, limit - len(keys))
        if len(keys) >= limit:
            return Found(keys, keys[-1])
    if len(blocks) <= most_blocks:
        return Found(keys)
    return Found(keys, _edge(blocks[most_blocks], newest_first=start >= end))


def _groups(blocks: Sequence[int]) -> Iterator[Sequence[int]]:
    place = 0
    for size in chain(GROUPS, repeat(GROUPS[-1])):
        if place >= len(blocks):
            return
        yield blocks[place : place + size]
        place += size


def _edge(unseen: int, *, newest_first: bool) -> int:
    """The last key that was looked through, when this block is the first that was not."""
    return (unseen + 1) << BLOCK_BITS if newest_first else (unseen << BLOCK_BITS) - 1


def _look(account: int, wanted: Wanted, blocks: Sequence[int], start: int, end: int, limit: int) -> list[int]:
    low, high = sorted((start, end))
    select = _SELECT[connection.vendor].format(order="DESC" if start >= end else "ASC")
    with connection.cursor() as cursor:
        cursor.execute(select, [_query(account, wanted, blocks), low, high, limit])
        return [key for (key,) in cursor.fetchall()]


_SELECT = {
    "sqlite": f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH %s AND rowid BETWEEN %s AND %s "  # noqa: S608
    "ORDER BY rowid {order} LIMIT %s",
    # what the GIN index finds, and nothing else, is put in order: never a walk along the primary key
    "postgresql": f"WITH hits AS MATERIALIZED (SELECT entry_id FROM {TABLE} WHERE terms @@ %s::tsquery) "  # noqa: S608
    "SELECT entry_id FROM hits WHERE entry_id BETWEEN %s AND %s ORDER BY entry_id {order} LIMIT %s",
}


def _query(account: int, wanted: Wanted, blocks: Sequence[int]) -> str:
    """In the database's own words. Terms hold letters and digits only: they need quotes, and no escapes."""
    sqlite = connection.vendor == "sqlite"
    quote, both, either, goes_on = ('"', " AND ", " OR ", "*") if sqlite else ("'", " & ", " | ", ":*")

    def written(block: int, term: str) -> str:
        return f"{quote}{term_in(account, block, term)}{quote}"

    alternatives = []
    for block in blocks:
        terms = [written(block, term) for term in sorted(wanted.whole)]
        if wanted.beginning:
            terms.append(written(block, wanted.beginning) + goes_on)
        alternatives.append(f"({both.join(terms)})")
    return either.join(alternatives)
