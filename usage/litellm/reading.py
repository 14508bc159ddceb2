"""A body into its rows, one at a time: an array, lines, or a single object, however large it is.

Each value is read by itself, so that no more than one row is held, and a row that cannot be read costs no
other: where one ends is told by its brackets, or by the line. No conversation is kept: what cannot be read
is known by the hash of its text alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from usage.litellm.skipping import has_too_many_values, skip_line, skip_value
from usage.litellm.window import CHUNK, Window

LONGEST_ROW = 8_000_000
"""Characters; as much as one body of ``POST usage`` has."""
USUAL = 2 * CHUNK
"""Characters to which a window grows for small rows: nothing that fits in can be more than memory holds."""
_SURE = 16
"""An error so many characters before the end of what has come is no matter of what is still to come."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Text that is no row. ``digest``: the SHA-256 of it; ``rest``: nothing after it could be read either."""

    digest: str
    rest: bool = False


class NothingToRead(ValueError):  # noqa: N818 - said of the body
    """There is neither an array nor an object in the body."""


def rows_of(read: Callable[[int], bytes]) -> Iterator[Any]:
    """The rows of a body, each as JSON has it or Unreadable; ``read`` gives so many bytes, b"" at the end.

    Raises NothingToRead before the first one. Whoever asks for them drains what is left of the body.
    """
    window = Window(read)
    first = window.peek()
    if first not in ("[", "{"):
        raise NothingToRead
    if first == "[":
        window.at += 1
        yield from _array(window)
    else:
        yield from _lines(window)


def drain(read: Callable[[int], bytes]) -> None:
    """Read what is left and keep none of it: a door that closes on a sender looks like a lost answer."""
    while read(CHUNK):
        pass


def _array(window: Window) -> Iterator[Any]:
    while (sign := window.peek()) != "]":
        if not sign:
            yield Unreadable("", rest=True)
            return
        if sign == ",":
            window.at += 1
            continue
        found = _value(window)
        if not isinstance(found, _Broken):
            yield found
            continue
        broken = Unreadable(*skip_value(window))
        yield broken
        if broken.rest:
            return


def _lines(window: Window) -> Iterator[Any]:
    while window.peek():
        found = _value(window)
        yield Unreadable(skip_line(window)) if isinstance(found, _Broken) else found


class _Broken:
    """No value begins here."""


def _value(window: Window) -> Any:
    """The value that begins here, behind which the window then is; or _Broken, and the window stays."""
    while True:
        if len(window.text) - window.at > USUAL and has_too_many_values(window.text, window.at):
            # before one is built: two signs of text can be two hundred bytes of memory
            return _Broken()
        try:
            value, end = DECODER.raw_decode(window.text, window.at)
        except (json.JSONDecodeError, RecursionError) as error:
            if _is_sure(error, window) or len(window.text) - window.at > LONGEST_ROW:
                return _Broken()
            # twice as much each time: a long row is not begun again for every chunk of it
            if not window.more(len(window.text) - window.at):
                return _Broken()
            continue
        is_near = len(window.text) - end < _SURE and not window.is_whole
        if is_near and window.text[end - 1] not in ']}"':
            # a number may go on
            window.more(_SURE)
            continue
        window.take(end)
        return value


def _is_sure(error: Exception, window: Window) -> bool:
    """Whether it is wrong whatever is still to come."""
    if not isinstance(error, json.JSONDecodeError):
        return True
    is_open = error.msg.startswith("Unterminated string")
    return window.is_whole or (not is_open and error.pos < len(window.text) - _SURE)


def _whole(token: str) -> int | None:
    return int(token) if len(token) <= 20 else None


def _real(token: str) -> float | None:
    return float(token) if len(token) <= 40 else None


DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=lambda _name: None)
"""A number that nothing here could mean, and what is no number, is none."""
