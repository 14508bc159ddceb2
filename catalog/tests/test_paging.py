from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.paging import PAGE_SIZE, Page, page_number


@pytest.mark.parametrize(
    ("number", "total", "numbers"),
    [
        (1, 0, [1]),
        (1, PAGE_SIZE, [1]),
        (1, 3 * PAGE_SIZE, [1, 2, 3]),
        (1, 1000 * PAGE_SIZE, [1, 2, None, 1000]),
        (4, 1000 * PAGE_SIZE, [1, 2, 3, 4, 5, None, 1000]),
        (500, 1000 * PAGE_SIZE, [1, None, 499, 500, 501, None, 1000]),
        (1000, 1000 * PAGE_SIZE, [1, None, 999, 1000]),
    ],
)
def test_it_offers_the_ends_and_what_is_near(number: int, total: int, numbers: list[int | None]) -> None:
    assert Page(number, total).numbers == numbers


@given(total=st.integers(0, 5000))
def test_the_pages_together_are_the_list(total: int) -> None:
    rows: list[int] = []
    page: Page | None = Page(1, total)
    while page:
        rows += range(page.first_row, page.last_row + 1)
        page = Page(page.next, total) if page.next else None
    assert rows == list(range(1, total + 1))


@pytest.mark.parametrize(
    ("total", "number", "beyond"),
    [(0, 1, False), (0, 2, True), (PAGE_SIZE, 2, True), (PAGE_SIZE + 1, 2, False)],
)
def test_it_knows_where_the_list_ends(total: int, number: int, beyond: bool) -> None:
    assert Page(number, total).is_beyond is beyond


@pytest.mark.parametrize("text", [None, "", "x", "-1", "0", "1.5", "٣", "\x00", "9" * 400, " 2"])
def test_what_is_no_page_is_the_first(text: str | None) -> None:
    assert page_number(text) == 1
