"""What an entry could never say if the ledger wrote it, though its hash may fit."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import itemgetter

from usage.canonical import FORMAT
from usage.verifying.rows import AT, Row

_told = itemgetter(
    *(
        AT[name]
        for name in (
            "attributes",
            "cost_nanos",
            "price_per_1k_tokens",
            "prompt_tokens",
            "completion_tokens",
            "v",
        )
    )
)


def fault_of(row: Row) -> str | None:
    """What is wrong with an entry's content, as the end of a sentence; None for nothing.

    Raises TypeError or ValueError for what is neither number nor text where one must be.
    """
    attributes, cost, price, prompt, completion, version = _told(row)
    if version != FORMAT:
        return f"is of format {version}, which this program does not know"
    if price is None:
        if cost is not None:
            return "has a cost, and no price"
    elif cost != _cost(price, prompt + completion):
        return f"says {cost} nano-dollars, which is not its tokens at {price} USD per 1,000"
    if attributes != "{}" and not _is_canonical(attributes):
        return "has attributes that are not canonical JSON"
    return None


def _cost(price: str, tokens: int) -> int:
    # half-even, in whole numbers: a Decimal's arithmetic would take longer than the hash
    factor, divisor = _ratio(price)
    nanos, rest = divmod(tokens * factor, divisor)
    twice = 2 * rest
    return int(nanos + (twice > divisor or (twice == divisor and nanos % 2 == 1)))


@lru_cache(maxsize=1000)
def _ratio(price: str) -> tuple[int, int]:
    """USD per 1,000 tokens as a ratio of nano-dollars to a token."""
    try:
        numerator, denominator = Decimal(price).as_integer_ratio()
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(price) from error
    return numerator * 1_000_000, denominator


def _is_canonical(text: str) -> bool:
    try:
        told = json.loads(text)
        again = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and again == text
