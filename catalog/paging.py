"""Pages of a list that may be long: which rows a page holds, and which pages there are to go to."""

from __future__ import annotations

from dataclasses import dataclass

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list of ``total`` rows, by its number from 1. It may lie beyond the end."""

    number: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one page, with nothing on it."""
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def is_beyond(self) -> bool:
        return self.number > self.last

    @property
    def start(self) -> int:
        """How many rows come before this page."""
        return (self.number - 1) * PAGE_SIZE

    @property
    def first_row(self) -> int:
        """The place of its first row in the list, from 1."""
        return self.start + 1

    @property
    def last_row(self) -> int:
        return min(self.start + PAGE_SIZE, self.total)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.last else None

    @property
    def numbers(self) -> list[int | None]:
        """The pages to offer: the first, the last, and those beside this one. None stands for a gap."""
        near = {1, self.last, *range(self.number - 1, self.number + 2)}
        shown = sorted(number for number in near if 1 <= number <= self.last)
        offered: list[int | None] = []
        for before, number in zip([0, *shown], shown, strict=False):
            if number - before == 2:
                offered.append(number - 1)  # a gap of one page is no shorter than the page
            elif number - before > 2:
                offered.append(None)
            offered.append(number)
        return offered


def page_number(text: str | None) -> int:
    """The page that an address names; the first for what is no page's number."""
    if text and text.isascii() and text.isdigit() and len(text) < 10:
        return max(1, int(text))
    return 1
