from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from usage.reconciling.seen import Seen

numbers = st.lists(st.integers(1, 500), max_size=80)


def seen_of(these: list[int]) -> Seen:
    seen = Seen()
    for number in these:
        seen.add(number)
    return seen


@given(numbers, numbers)
def test_it_is_a_set_of_numbers(these: list[int], those: list[int]) -> None:
    one, other = seen_of(these), seen_of(those)
    assert [number for number in range(1, 600) if number in one] == sorted(set(these))
    assert list(one.without(other)) == sorted(set(these) - set(those))


@given(numbers)
def test_it_tells_what_was_there_before(these: list[int]) -> None:
    seen = Seen()
    assert [seen.add(number) for number in these] == [
        number not in these[:place] for place, number in enumerate(these)
    ]


def test_a_million_numbers_take_an_eighth_of_a_megabyte() -> None:
    seen = Seen()
    seen.add(1_000_000)
    assert len(seen._bits) <= 125_001
