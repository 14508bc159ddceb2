"""The Exchange's own chain over an account's entries, recomputed from what it sent."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

GENESIS_HASH = "0" * 64
_UNHASHED = frozenset({"prev_hash", "hash"})


def statement_hash(prev_hash: str, raw: Mapping[str, Any]) -> str:
    """The hash that the contract defines for an entry: lower-case hex SHA-256.

    Over `prev_hash`, a newline and the canonical JSON (keys sorted, no spaces, UTF-8) of the entry as it was
    sent, unknown fields included, without `prev_hash` and `hash`. The first entry's `prev_hash` is
    `GENESIS_HASH`. Raises ValueError for text that UTF-8 cannot say (a lone surrogate).
    """
    hashed = {key: value for key, value in raw.items() if key not in _UNHASHED}
    canonical = json.dumps(
        hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_number
    )
    return hashlib.sha256(f"{prev_hash}\n{canonical}".encode()).hexdigest()


def _number(value: object) -> float:
    # The contract's entries hold no fractions; one in an unknown field is written as JSON writers do, the
    # shortest way.
    if isinstance(value, Decimal):
        return float(value)
    raise ValueError(f"A {type(value).__name__} is not JSON.")
