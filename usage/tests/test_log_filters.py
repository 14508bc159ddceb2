from __future__ import annotations

from datetime import UTC, datetime

import pytest

from usage.logs.filters import LogFilters


def test_nothing_asked_for_is_everything() -> None:
    filters = LogFilters({"page": "2", "x": "y", "q": " ", "since": "", "service": ""})
    assert filters.chosen == {}
    assert filters.in_address == {}
    assert not filters.form.errors


def test_every_filter_is_read_and_written_back() -> None:
    asked = {
        "since": "2026-11-01",
        "until": "2026-11-23T09:41:00Z",
        "direction": "supply",
        "service": "12",
        "provider": "0",
        "family": " gpt-4o ",
        "key": "7",
        "source": "api",
        "state": "rejected",
        "q": "night 夜间",
        "least": "1000",
    }
    filters = LogFilters(asked)
    assert not filters.form.errors
    assert filters.in_address == asked
    assert filters.chosen["provider"] == 0
    assert LogFilters(filters.in_address).chosen == filters.chosen


@pytest.mark.parametrize(
    ("since", "at"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T09:41", datetime(2026, 11, 1, 9, 41, tzinfo=UTC)),
        ("2026-11-01T09:41:05.5+02:00", datetime(2026, 11, 1, 7, 41, 5, 500_000, tzinfo=UTC)),
        (" 2026-11-01 09:41 ", datetime(2026, 11, 1, 9, 41, tzinfo=UTC)),
    ],
)
def test_times_are_utc(since: str, at: datetime) -> None:
    assert LogFilters({"since": since}).since == at


def test_a_last_day_is_wanted_whole_and_a_last_moment_is_not() -> None:
    assert LogFilters({"until": "2026-11-30"}).until == datetime(2026, 12, 1, tzinfo=UTC)
    assert LogFilters({"until": "2026-11-30T00:00Z"}).until == datetime(2026, 11, 30, tzinfo=UTC)
    one_day = LogFilters({"since": "2026-11-30", "until": "2026-11-30"})
    assert not one_day.form.errors


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        (
            "since",
            ["x", "2026-13-01", "2026-02-30", "9999-12-31", "0001-01-01T00:00+14:00", "\x00", "1" * 9999],
        ),
        ("until", ["yesterday", "2026-11-01T25:00", "9999-12-31T23:59"]),
        ("direction", ["both", "CONSUME", "\x00"]),
        ("service", ["0", "-1", "x", "1.5", str(2**63), "9" * 5000, "\x00"]),
        ("provider", ["-1", "x"]),
        ("family", ["a\x00b", "x" * 1001]),
        ("key", ["-1", "tgk_", str(10**40)]),
        ("source", ["web"]),
        ("state", ["done"]),
        (
            "q",
            [
                "!!!",
                "…",
                "🙂",
                "a\x00",
                "x" * 201,
                " ".join(f"w{n}" for n in range(41)),
                "".join(map(chr, range(0x4E00, 0x4E50))),
            ],
        ),
        ("least", ["-1", "many", str(2**60)]),
    ],
)
def test_nonsense_is_said_at_its_field_and_left_out(field: str, typed: list[str]) -> None:
    for text in typed:
        filters = LogFilters({field: text, "source" if field != "source" else "direction": ""})
        assert filters.chosen == {}, text
        assert list(filters.form.errors) == [field], text


def test_an_end_before_the_beginning_is_said_and_left_out() -> None:
    filters = LogFilters({"since": "2026-11-02", "until": "2026-11-01"})
    assert list(filters.form.errors) == ["until"]
    assert set(filters.chosen) == {"since"}
