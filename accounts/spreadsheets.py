"""Cells of a CSV file that no spreadsheet takes for a formula."""

from __future__ import annotations

from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take text for a formula. (A number of ours is written by us, and is one.)"""


def cell(value: Any) -> Any:
    """The value; text that a spreadsheet would calculate is given an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


class Echo:
    """A file that gives back what is written to it, so that a CSV writer writes line by line."""

    def write(self, text: str) -> str:
        return text
