from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from usage.factories import make_draft
from usage.writing.drafts import EntryInvalid, attributes_text, checked

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_id", 0),
        ("service_id", 2**63),
        ("service_id", "7"),
        ("service_id", True),
        ("prompt_tokens", -1),
        ("prompt_tokens", 2**53),
        ("prompt_tokens", 1.5),
        ("completion_tokens", None),
        ("cached_tokens", 1201),
        ("cached_tokens", -1),
        ("reasoning_tokens", 301),
        ("direction", "both"),
        ("direction", None),
        ("evidence", "guessed"),
        ("memo", "x" * 501),
        ("memo", "nul \x00"),
        ("memo", "half \ud800"),
        ("memo", None),
        ("entry_id", "0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b"),
        ("occurred_at", NOW + timedelta(minutes=5, seconds=1)),
        ("occurred_at", datetime(2026, 6, 1, 12)),  # noqa: DTZ001 - without an offset it is no moment
        ("occurred_at", datetime(1999, 12, 31, tzinfo=UTC)),
        ("occurred_at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
        ("occurred_at", "2026-06-01T12:00:00Z"),
        ("attributes", {"price": 0.1}),
        ("attributes", {"nested": {"a": 1}}),
        ("attributes", {"flag": True}),
        ("attributes", {1: "a"}),
        ("attributes", {"long": "x" * 4000}),
        ("attributes", {"nul": "\x00"}),
        ("attributes", {"big": 2**63}),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    with pytest.raises(EntryInvalid) as refused:
        checked(make_draft(**{field: value}), NOW)
    assert refused.value.field == field
    assert refused.value.sentence


@pytest.mark.parametrize(
    "told",
    [
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 2**53 - 1, "completion_tokens": 2**53 - 1},
        {"cached_tokens": 1200, "reasoning_tokens": 300},
        {"memo": "x" * 500},
        {"occurred_at": NOW + timedelta(minutes=5)},
        {"attributes": {"caller": "é", "n": -(2**63) + 1, "nothing": None}},
    ],
)
def test_what_lies_at_the_edge_is_recorded(told: dict[str, Any]) -> None:
    checked(make_draft(**told), NOW)


def test_a_time_of_another_zone_is_the_same_moment_in_utc() -> None:
    there = datetime(2026, 6, 1, 8, tzinfo=timezone(timedelta(hours=-3)))
    at = checked(make_draft(occurred_at=there), NOW).occurred_at
    assert at == there
    assert at is not None
    assert at.utcoffset() == timedelta(0)


def test_attributes_are_written_in_one_way_only() -> None:
    assert attributes_text({"b": 1, "a": "é", "c": None}) == '{"a":"é","b":1,"c":null}'
    assert attributes_text({}) == "{}"
