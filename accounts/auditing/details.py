"""An event's detail: small, canonical, and safe to print, whatever was handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from accounts.models.audit import LONGEST_DETAIL
from exchange.text import clean_text

LONGEST_TEXT, MOST_ITEMS = 200, 20
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(detail: Mapping[str, Any]) -> str:
    """Canonical JSON of at most LONGEST_DETAIL characters: long texts and lists are cut, never refused.

    What is too much all the same is left out from its end, and ``"cut":1`` says so.
    """
    kept = {clean_text(str(name), 40): _plain(value) for name, value in list(detail.items())[:MOST_ITEMS]}
    text = _encode(kept)
    while len(text) > LONGEST_DETAIL:
        kept.pop(next(name for name in reversed(kept) if name != "cut"))
        kept["cut"] = 1
        text = _encode(kept)
    return text


def _plain(value: Any, depth: int = 2) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if depth and isinstance(value, Mapping):
        return {
            clean_text(str(name), 40): _plain(one, depth - 1)
            for name, one in list(value.items())[:MOST_ITEMS]
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth - 1) for one in list(value)[:MOST_ITEMS]]
    return clean_text(str(value), LONGEST_TEXT)
