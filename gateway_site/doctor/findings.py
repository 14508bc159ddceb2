"""What a probe says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from exchange.text import clean_text

Level = Literal["ok", "warning", "problem"]
LONGEST = 600
"""Characters; and no text from outside steers the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``id`` stays as it is for ever, for programs: ``database.migrations``.

    ``subject``: the part of the site. ``advice``: what to do next; "" where all is well.
    """

    id: str
    level: Level
    subject: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A part of the site, and how its findings are made: ``DATABASE.problem("reachable", "…", "…")``."""

    name: str

    def ok(self, key: str, message: str) -> Finding:
        """It is as it should be."""
        return self._finding("ok", key, message, "")

    def warning(self, key: str, message: str, advice: str) -> Finding:
        """It works, and should not stay as it is."""
        return self._finding("warning", key, message, advice)

    def problem(self, key: str, message: str, advice: str) -> Finding:
        """Something does not work, or what is promised does not hold."""
        return self._finding("problem", key, message, advice)

    def _finding(self, level: Level, key: str, message: str, advice: str) -> Finding:
        name = self.name.lower().replace(" ", "_")
        return Finding(
            id=f"{name}.{key}",
            level=level,
            subject=self.name,
            message=clean_text(message, LONGEST),
            advice=clean_text(advice, LONGEST),
        )


def long(span: timedelta) -> str:
    """How long that is, in the unit that says enough: ``40 seconds``, ``3 hours``, ``12 days``."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def many(count: int, one: str, several: str = "") -> str:
    """``1 entry``, ``1,200 entries``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
