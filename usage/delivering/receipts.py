"""The Exchange's receipt, as it is kept: whatever it holds, keeping it must not fail."""

from __future__ import annotations

import json
from typing import Any

from exchange import StatementEntry
from exchange.wire_json import dumps

LONGEST = 16_384
"""Characters of a receipt that is kept whole; a longer one is cut down to the contract's fields."""


def receipt_document(entry: StatementEntry | None) -> dict[str, Any] | None:
    """The Exchange's line as it was sent, its numbers as JSON's; None where it sent none.

    What no database keeps (NUL, half a character), or nobody needs at that length, is left out: the fields
    that the contract names always remain.
    """
    if entry is None:
        return None
    for fields in (entry.raw, entry.model_dump(mode="json", exclude={"raw"})):
        try:
            text = dumps(fields).decode()
        except ValueError:
            continue
        if len(text) <= LONGEST and "\\u0000" not in text:
            document: dict[str, Any] = json.loads(text)
            return document
    return {"id": entry.id}
