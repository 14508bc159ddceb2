from __future__ import annotations

import pytest

from usage.reporting.filters import filters_of


def test_they_are_named_as_the_logs_name_them() -> None:
    asked = {"direction": "consume", "service": "7", "provider": "0", "family": "gpt-4o", "key": " 3 "}
    filters = filters_of({**asked, "period": "7d", "memo": "x"})
    assert filters.columns == {
        "direction": "consume",
        "service_id": 7,
        "provider_id": 0,
        "model_family": "gpt-4o",
        "key_id": 3,
    }
    assert filters.without("service") == {
        "direction": "consume",
        "provider": "0",
        "family": "gpt-4o",
        "key": "3",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("direction", "sideways"),
        ("service", "x"),
        ("service", "-1"),
        ("service", "٣"),
        ("service", str(2**63)),
        ("key", "1" * 400),
        ("family", "a\x00b"),
        ("family", "x" * 1001),
    ],
)
def test_what_cannot_be_meant_is_left_aside_and_said(name: str, value: str) -> None:
    filters = filters_of({name: value})
    assert (filters.chosen, filters.unknown) == ({}, (name,))


def test_empty_is_not_asked_for() -> None:
    assert filters_of({"service": " ", "family": ""}).chosen == {}
