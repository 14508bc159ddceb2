"""The part of a body that is looked at: text comes in behind, and what was read is let go in front."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any

CHUNK = 256 * 1024
"""Bytes that are read at a time."""
_SPACE = re.compile(r"[ \t\r\n]*")


class Window:
    """Text of a body from a place on. What is no UTF-8 becomes a sign that says so, as in any other text."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._decoder: Any = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._is_first = True
        self.text = ""
        self.at = 0
        self.is_whole = False
        """Whether the rest of the body is in ``text``."""

    def more(self, least: int = 1) -> bool:
        """Bring in at least so many characters more, or the rest. False: there is nothing more."""
        came, length = [self.text[self.at :]], 0
        while length < least and not self.is_whole:
            data = self._read(CHUNK)
            self.is_whole = not data
            text = self._decoder.decode(data, final=self.is_whole)
            if self._is_first and text:
                text, self._is_first = text.removeprefix("\ufeff"), False
            came.append(text)
            length += len(text)
        self.text, self.at = "".join(came), 0
        return length > 0

    def peek(self) -> str:
        """The next sign that is no space, which stays; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, end: int) -> str:
        """The text up to ``end``, a place in ``text``, from which it goes on."""
        taken = self.text[self.at : end]
        self.at = end
        return taken

    def give_up(self) -> None:
        """Look at nothing that is left."""
        self.text, self.at, self.is_whole = "", 0, True
