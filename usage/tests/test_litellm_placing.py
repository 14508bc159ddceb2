"""Which service a row belongs to: what the call says, its tags, the key; and never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.fields import INT64_MAX
from usage.litellm.placing import NotPlaced, service_of
from usage.litellm.rows import row_of
from usage.tests.litellm import make_row, placed


def place(service: Any = None, tags: Any = (), default: int | None = None) -> int:
    return service_of(row_of(placed(service, request_tags=list(tags))), default)


def refused(service: Any = None, tags: Any = (), default: int | None = 1) -> str:
    with pytest.raises(NotPlaced) as caught:
        place(service, tags, default)
    return caught.value.said


def test_the_call_comes_before_its_tags_and_these_before_the_key() -> None:
    assert place(3, ["service:2"], 1) == 3
    assert place(None, ["demo", "service:2"], 1) == 2
    assert place(None, ["demo", "User-Agent: x"], 1) == 1
    assert place(3, ["service:rubbish"], 1) == 3


@pytest.mark.parametrize("service", [7, "7", " 7 ", "007"])
def test_a_number_may_be_told_as_text(service: Any) -> None:
    assert place(service) == 7


@pytest.mark.parametrize("tag", ["service:7", "service: 7", "Service:7", "SERVICE:7 "])
def test_a_tag_is_read_as_people_write_it(tag: str) -> None:
    assert place(None, [tag]) == 7
    assert place(None, [tag, tag, "service:7"]) == 7


@pytest.mark.parametrize(
    "service",
    ["", 0, -1, 1.5, 7.0, True, "x", "7x", "seven", "٧", "²", INT64_MAX + 1, "9" * 400, [7], {"id": 7}],
)
def test_a_service_that_is_not_understood_is_never_the_default(service: Any) -> None:
    if service == "":
        assert place(service, default=1) == 1, "nothing was said"
    else:
        assert refused(service).startswith("tokligence_service_id")


@pytest.mark.parametrize(
    "tag", ["service:", "service:x", "service:0", "service:-1", "service:1.0", "service:checkout"]
)
def test_a_tag_that_is_not_understood_is_never_the_default(tag: str) -> None:
    assert refused(None, [tag, "demo"]) == tag


def test_two_services_are_none() -> None:
    assert refused(None, ["service:7", "service:8"]) == "service:7, service:8"


def test_a_tag_counts_wherever_it_stands() -> None:
    many = [f"tag-{number}-" + "x" * 100 for number in range(2000)]
    assert place(None, [*many, "service:7"], 1) == 7
    assert refused(None, [*many, "service:7", *many, "service:8"])


def test_without_anything_it_has_no_service() -> None:
    assert refused(default=None) == ""
    row = make_row()
    row["metadata"]["spend_logs_metadata"] = {"tokligence_service_id": None, "other": 9}
    assert service_of(row_of(row), 1) == 1
