"""The hash chain over an account's entries, as the contract's StatementEntry defines it."""

import hashlib
import json
from collections.abc import Mapping

# prev_hash of an account's first entry, and the ledger hash of an account that has none.
GENESIS_HASH = "0" * 64


def entry_hash(prev_hash: str, content: Mapping[str, object]) -> str:
    """Lower-case hex SHA-256 of `prev_hash`, a line feed and the canonical JSON of the entry's `content`.

    `content` is the entry as the statement shows it, without `prev_hash` and `hash`.
    """
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{prev_hash}\n{canonical}".encode()).hexdigest()
