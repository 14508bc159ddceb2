"""Over text that cannot be read, to where the next row begins; nothing of it is kept but its hash."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from usage.litellm.window import CHUNK, Window

MOST_VALUES = 100_000
"""Commas and brackets of one row: more than any conversation has parts."""
MOST_SIGNS = 300_000
"""Quotes and brackets of one row that are followed; one with more of them is no row of LiteLLM's."""
_QUOTED = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NESTED = re.compile(r'[^"\[\]{}]*+')
_FLAT = re.compile(r'[^"\[\]{},]*+')
_VALUE = re.compile(r'[^"\[\]{},]*+(?:"(?:[^"\\]++|\\.)*+(?:"|\\?$)[^"\[\]{},]*+)*+', re.DOTALL)
"""What lies between two of the signs that tell how many values there are, text included."""


def has_too_many_values(text: str, at: int) -> bool:
    """Whether the value that begins at ``at`` has more than ``MOST_VALUES``, as far as the text goes."""
    depth = 0
    for _number in range(MOST_VALUES):
        match = _VALUE.match(text, at)
        at = match.end() if match else at
        sign = text[at : at + 1]
        depth += 1 if sign in ("[", "{") else -1 if sign in ("]", "}") else 0
        if depth <= 0 or not sign:
            return False
        at += 1
    return True


def skip_value(window: Window) -> tuple[str, bool]:
    """Up to the comma or bracket behind an array's value; the hash of that, and whether it has no end."""
    digest, at, signs, depth, quoted = hashlib.sha256(), window.at, 0, 0, False
    while signs < MOST_SIGNS:
        pattern = _QUOTED if quoted else _NESTED if depth else _FLAT
        match = pattern.match(window.text, at)
        at = match.end() if match else at
        sign = window.text[at : at + 1]
        if sign in ("", "\\"):
            # the end of what has come, or a backslash whose sign has not
            _note(digest, window.take(at))
            if not window.more(CHUNK):
                break
            at = 0
            continue
        if sign in ",]" and not depth and not quoted:
            _note(digest, window.take(at))
            return digest.hexdigest(), False
        if sign == '"':
            quoted = not quoted
        elif not quoted:
            depth = max(depth + (1 if sign in "[{" else -1), 0)
        at += 1
        signs += 1
    window.give_up()
    return digest.hexdigest(), True


def skip_line(window: Window) -> str:
    """Up to the next line that begins an object; the hash of what was passed over."""
    digest = hashlib.sha256()
    while True:
        end = window.text.find("\n", window.at)
        if end >= 0:
            _note(digest, window.take(end + 1))
            if window.peek() in ("{", ""):
                break
            continue
        _note(digest, window.take(len(window.text)))
        if not window.more(CHUNK):
            break
    return digest.hexdigest()


def _note(digest: Any, text: str) -> None:
    digest.update(text.encode("utf-8", "surrogatepass"))
