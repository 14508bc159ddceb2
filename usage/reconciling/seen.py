"""Which of an account's entries were met: a bit for each, so that a million take an eighth of a megabyte."""

from __future__ import annotations

from collections.abc import Iterator


class Seen:
    """A set of an entries' numbers, from 1."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, seq: int) -> bool:
        """Note the number; False where it was noted before."""
        place, bit = seq >> 3, 1 << (seq & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        if self._bits[place] & bit:
            return False
        self._bits[place] |= bit
        return True

    def __contains__(self, seq: int) -> bool:
        place = seq >> 3
        return place < len(self._bits) and bool(self._bits[place] & 1 << (seq & 7))

    def without(self, other: Seen) -> Iterator[int]:
        """The numbers that are here and not there, in order."""
        for place, here in enumerate(self._bits):
            there = other._bits[place] if place < len(other._bits) else 0
            if left := here & ~there:
                yield from ((place << 3) + bit for bit in range(8) if left & 1 << bit)
