"""The chain of a statement, verified from the words of the contract alone."""

import hashlib
import json
from typing import Any


def verify_chain(entries: list[dict[str, Any]]) -> str:
    """Check every hash and every link, oldest first; the answer is the hash of the newest entry."""
    head = "0" * 64
    for entry in entries:
        content = {field: value for field, value in entry.items() if field not in ("prev_hash", "hash")}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert entry["prev_hash"] == head, f"entry {entry['id']} does not follow the one before"
        head = hashlib.sha256((head + "\n" + canonical).encode("utf-8")).hexdigest()
        assert entry["hash"] == head, f"entry {entry['id']} is not what was hashed"
    return head
