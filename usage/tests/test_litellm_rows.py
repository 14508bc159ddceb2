"""What a row says, what of it is kept, and what is usage."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange import MAX_TOKENS
from usage.litellm.judging import Aside, judged, settled_by
from usage.litellm.rows import LONGEST, LONGEST_TAGS, again, row_of
from usage.models.quarantine import Reason
from usage.tests.litellm import SECRET, make_row, placed, sample
from usage.writing.drafts import Draft, checked

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DEEP: Any = [[[{"a": {}}]]]


def judge(told: dict[str, Any], default: int | None = 7) -> Any:
    return judged(row_of(told), NOW, default)


def draft(told: dict[str, Any], default: int | None = 7) -> Draft:
    found = judge(told, default)
    assert isinstance(found, Draft), found
    return checked(found, NOW)


def reason(told: dict[str, Any], default: int | None = 7) -> tuple[Reason, str]:
    found = judge(told, default)
    assert isinstance(found, Aside), found
    return found.reason, found.detail


def test_the_rows_that_litellm_sent() -> None:
    told = [judge(row) for row in sample()]
    assert [one if isinstance(one, str) else type(one) for one in told] == [Draft] * 4 + ["failure", Draft]
    first = told[0]
    assert (first.service_id, first.prompt_tokens, first.completion_tokens) == (7, 10, 20)
    assert first.occurred_at == datetime(2026, 11, 23, 2, 56, 12, 417947, tzinfo=UTC)
    assert (first.direction, first.memo, first.cached_tokens) == ("consume", "", None)
    assert first.attributes == {
        "call_type": "acompletion",
        "custom_llm_provider": "openai",
        "litellm_call_id": "b84d98d7-bad9-4296-a306-bfec29d2078c",
        "litellm_id": "chatcmpl-622760ee-1130-471e-9b02-da7e03a956ba",
        "model": "gpt-4o-mini",
        "tags": "demo",
    }
    assert told[5].reasoning_tokens == 0


def test_nothing_is_kept_that_is_not_on_the_list() -> None:
    row = row_of(make_row(end_user="ada", request_tags=["a", "b"]))
    assert SECRET not in json.dumps(row.kept)
    assert set(row.kept) <= {field.name for field in dataclasses.fields(row)}
    assert SECRET not in repr(row)


def test_what_is_kept_is_read_again_as_it_was() -> None:
    for told in (*sample(), make_row(), placed(9, prompt_tokens=0, endTime=0.0, request_tags=["x"]), {}):
        row = row_of(told)
        assert again(json.loads(json.dumps(row.kept))) == row


def test_a_call_has_the_same_id_wherever_it_comes() -> None:
    told = make_row()
    changed = {**told, "model": "other", "prompt_tokens": 99, "metadata": {}, "trace_id": "x"}
    assert row_of(told).identity == row_of(changed).identity
    others = [{**told, "id": "other"}, {**told, "litellm_call_id": "other"}]
    others.append({**told, "id": told["litellm_call_id"], "litellm_call_id": told["id"]})
    assert len({row_of(one).identity for one in (told, *others)}) == 4


def test_long_ids_that_begin_alike_are_two() -> None:
    one, other = (row_of(make_row(id="x" * 5000 + end, litellm_call_id="c")) for end in "ab")
    assert one.identity != other.identity
    assert len(one.litellm_id) == LONGEST


def test_a_batch_that_is_looked_at_again_is_the_same_call() -> None:
    first = make_row(call_type="aretrieve_batch", id="batch_1")
    later = make_row(call_type="aretrieve_batch", id="batch_1")
    assert row_of(first).identity == row_of(later).identity
    assert row_of(make_row(id="batch_1")).identity != row_of(first).identity


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "failure"}, "failure"),
        ({"status": "failure", "id": None, "endTime": "x"}, "failure"),
        ({"cache_hit": True}, "cache_hit"),
        ({"cache_hit": "True"}, "cache_hit"),
        ({"id": "chatcmpl-1_cache_hit1795402572.41"}, "cache_hit"),
        ({"call_type": "aget_responses"}, "reread"),
        ({"call_type": "get_responses"}, "reread"),
        ({"prompt_tokens": 0, "completion_tokens": 0}, "no_tokens"),
    ],
)
def test_what_nobody_bought_is_no_usage(changes: dict[str, Any], why: str) -> None:
    assert judge(make_row(**changes)) == why


@pytest.mark.parametrize(
    "changes",
    [
        {"cache_hit": False},
        {"cache_hit": None, "status": None},
        {"call_type": None},
        {"completion_tokens": 0},
        {"prompt_tokens": 0, "call_type": "aimage_generation"},
        {"prompt_tokens": MAX_TOKENS},
        {"response_cost": 0.0, "messages": DEEP, "response": DEEP, "end_user": DEEP, "model": 5},
        {"metadata": None},
        {"metadata": "x"},
        {"metadata": {"usage_object": [], "spend_logs_metadata": "service:9"}},
        {"request_tags": "service:9"},
        {"endTime": None, "startTime": None},
    ],
)
def test_what_somebody_bought_is(changes: dict[str, Any]) -> None:
    assert draft(make_row(**changes)).service_id == 7


@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
@pytest.mark.parametrize("value", [None, -1, MAX_TOKENS + 1, 10**19, 1.5, 10.0, "10", True, [], {}])
def test_tokens_that_cannot_be_are_kept_aside(name: str, value: Any) -> None:
    assert reason(make_row(**{name: value})) == (Reason.TOKENS, name)
    row = make_row()
    del row[name]
    assert reason(row) == (Reason.TOKENS, name)


@pytest.mark.parametrize(
    ("cached", "reasoning", "kept"),
    [
        (3, 4, (3, 4)),
        (10, 20, (10, 20)),
        (11, 21, (None, None)),
        (-1, None, (None, None)),
        ("3", 1.5, (None, None)),
        (True, DEEP, (None, None)),
    ],
)
def test_details_are_parts_or_nothing(cached: Any, reasoning: Any, kept: tuple[Any, Any]) -> None:
    row = make_row()
    row["metadata"]["usage_object"] = {
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    found = draft(row)
    assert (found.cached_tokens, found.reasoning_tokens) == kept


@pytest.mark.parametrize("name", ["id", "litellm_call_id"])
@pytest.mark.parametrize("value", [None, "", 5, [], True])
def test_a_call_without_an_id_is_kept_aside(name: str, value: Any) -> None:
    assert reason(make_row(**{name: value})) == (Reason.IDENTITY, "")


def test_calls_without_an_id_are_told_apart_by_all_that_is_kept() -> None:
    one, same, other = (row_of({"model": "m", "endTime": at}) for at in (1.0, 1.0, 2.0))
    assert one.identity == same.identity != other.identity


@pytest.mark.parametrize("at", [NOW.timestamp() + 301, 5, -1, 1e18, -1e300, 1795402572417.947, 10**19])
def test_a_time_that_cannot_be_is_kept_aside(at: float) -> None:
    assert reason(make_row(endTime=at))[0] == Reason.TIME


def test_a_clock_may_be_a_little_ahead_and_the_start_stands_in_for_the_end() -> None:
    ahead = (NOW + timedelta(minutes=4)).timestamp()
    assert draft(make_row(endTime=ahead)).occurred_at == NOW + timedelta(minutes=4)
    assert draft(make_row(endTime="now", startTime=ahead)).occurred_at == NOW + timedelta(minutes=4)
    assert draft(make_row(endTime=None, startTime=None)).occurred_at is None
    assert draft(make_row(endTime=True, startTime=None)).occurred_at is None


def test_text_is_made_fit_and_short() -> None:
    odd = 'a\x00b\ud800c\u202e"\\' + "量" * 5000
    row = make_row(
        model=odd,
        model_group=odd,
        custom_llm_provider=odd,
        end_user=odd,
        call_type=odd,
        id=odd,
        litellm_call_id=odd,
        request_tags=[odd, odd[::-1]] * 500,
    )
    row["metadata"]["user_api_key_alias"] = odd
    found = draft(row)
    assert found.attributes["model"].startswith('a b c "\\量')  # type: ignore[union-attr]
    assert max(len(str(text)) for text in found.attributes.values()) <= LONGEST_TAGS
    worst = make_row(**dict.fromkeys(("model", "model_group", "end_user", "call_type", "id"), '"\\' * 200))
    worst["request_tags"] = [f'"\\{n}' * 30 for n in range(100)]
    worst |= {"custom_llm_provider": "\\" * 200, "litellm_call_id": '"' * 200}
    worst["metadata"]["user_api_key_alias"] = '"' * 200
    assert draft(worst)


def test_what_a_person_records_goes_to_the_service_that_they_name() -> None:
    row = row_of(placed("rubbish"))
    found = settled_by(row, NOW, 12, row.identity)
    assert isinstance(found, Draft)
    assert (found.service_id, found.entry_id) == (12, row.identity)
    late = row_of(make_row(endTime=NOW.timestamp() + 1000))
    assert isinstance(settled_by(late, NOW, 12, late.identity), Aside)
    assert isinstance(settled_by(late, NOW + timedelta(hours=1), 12, late.identity), Draft)
