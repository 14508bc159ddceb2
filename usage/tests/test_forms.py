from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from catalog.choices import ServiceChoice
from usage.forms import RecordForm
from usage.tests.factories import ENTRY_ID
from usage.writing.drafts import Draft

GOOD = {
    "service_id": "11",
    "direction": "consume",
    "prompt_tokens": "1200",
    "completion_tokens": "300",
    "memo": " night run ",
    "entry_id": str(ENTRY_ID),
}


def row(number: int = 11, provider: str = "Northwind", name: str = "GPT-4o") -> ServiceChoice:
    return ServiceChoice(number=number, name=name, provider_number=3, provider_name=provider)


def test_it_takes_a_report() -> None:
    form = RecordForm(GOOD)
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {
        "service_id": 11,
        "direction": "consume",
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "memo": "night run",
        "entry_id": ENTRY_ID,
        "occurred_at": None,
        "cached_tokens": None,
        "reasoning_tokens": None,
        "evidence": "reported",
    }
    assert form.draft == Draft(
        service_id=11,
        direction="consume",
        prompt_tokens=1200,
        completion_tokens=300,
        memo="night run",
        entry_id=ENTRY_ID,
    )


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("service_id", ["", "0", "-1", "x", "1.5", str(2**63), "9" * 9999, "\x00"]),
        ("direction", ["", "buy", "CONSUME"]),
        ("prompt_tokens", ["", "-1", "1e999", "1.5", "many", str(10**30), str(2**53), "1,00", "\x00"]),
        ("completion_tokens", ["", "-1", str(2**53)]),
        ("memo", ["a\x00b", "x" * 501]),
        (
            "occurred_at",
            ["x", "2026-02-30T00:00", "2999-01-01T00:00", "1999-12-31T23:00"],
        ),
        ("cached_tokens", ["-1", "1201", "x", str(2**53)]),
        ("reasoning_tokens", ["-1", "301", "1.5"]),
        ("evidence", ["guessed", "REPORTED"]),
    ],
)
def test_nonsense_is_refused_at_its_field(field: str, typed: list[str]) -> None:
    for text in typed:
        assert list(RecordForm({**GOOD, field: text}).errors) == [field], text


@pytest.mark.parametrize("number", ["", "x", "1", str(ENTRY_ID)[:-1]])
def test_a_lost_number_is_said_where_it_can_be_seen(number: str) -> None:
    form = RecordForm({**GOOD, "entry_id": number})
    assert not form.is_valid()
    assert "Reload the page" in str(form.non_field_errors())


def test_each_page_has_a_number_of_its_own() -> None:
    first, second = (RecordForm()["entry_id"].value() for _ in range(2))
    assert uuid.UUID(first) != uuid.UUID(second)


def test_services_are_offered_under_their_provider() -> None:
    html = str(RecordForm(services=[row(12, "zeta", "o3"), row(11), row(13, "", "orphan")])["service_id"])
    assert '<optgroup label="Northwind">' in html
    assert '<optgroup label="#3">' in html
    assert html.index("orphan") < html.index("GPT-4o") < html.index("o3")


def test_what_was_recorded_lately_is_offered_first() -> None:
    services = [row(number, name=f"service {number}") for number in range(1, 10)]
    html = str(RecordForm(services=services, recent=[7, 99, 3], initial={"service_id": 3})["service_id"])
    lately = html[html.index('<optgroup label="Recorded lately">') :].partition("</optgroup>")[0]
    assert lately.index("service 7 · Northwind") < lately.index('"3" selected>service 3 · Northwind')
    assert "99" not in html
    assert html.count(" selected") == 1
    # of a few, each is seen at a glance
    assert "Recorded lately" not in str(RecordForm(services=services[:8], recent=[7])["service_id"])


def test_the_service_that_was_come_from_is_chosen() -> None:
    html = str(RecordForm(services=[row(11)], initial={"service_id": 11})["service_id"])
    assert '<option value="11" selected>GPT-4o</option>' in html


@pytest.mark.parametrize(
    ("form", "option"),
    [
        ({"initial": {"service_id": 99}}, '<option value="99" selected>#99</option>'),
        ({"data": {**GOOD, "service_id": " 99 "}}, '<option value=" 99 " selected>#99</option>'),
    ],
)
def test_a_number_that_is_not_listed_is_kept(form: dict[str, dict[str, object]], option: str) -> None:
    assert option in str(RecordForm(services=[row()], **form)["service_id"])


def test_a_service_that_is_not_listed_is_for_the_exchange_to_judge() -> None:
    assert RecordForm({**GOOD, "service_id": "99"}, services=[row()]).is_valid()


def test_without_a_list_the_number_is_asked_for() -> None:
    form = RecordForm(services=[])
    assert "<select" not in str(form["service_id"])
    assert form["service_id"].label == "Service number"


def test_nothing_at_all_is_no_usage() -> None:
    form = RecordForm({**GOOD, "prompt_tokens": "0", "completion_tokens": "0"})
    assert list(form.errors) == ["completion_tokens"]
    assert RecordForm({**GOOD, "prompt_tokens": "0", "completion_tokens": "1"}).is_valid()


def test_only_a_provider_is_offered_to_have_supplied() -> None:
    assert "Supplied" in str(RecordForm(may_supply=True)["direction"])
    assert "Supplied" not in str(RecordForm(may_supply=False)["direction"])
    # what was sent all the same is shown as it was sent, beside what the Exchange says of it
    assert "Supplied" in str(RecordForm({**GOOD, "direction": "supply"}, may_supply=False)["direction"])


def test_a_time_is_the_persons_own() -> None:
    with timezone.override("Asia/Shanghai"):
        form = RecordForm({**GOOD, "occurred_at": "2026-01-31T09:41"})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["occurred_at"] == datetime(2026, 1, 31, 1, 41, tzinfo=UTC)


def test_a_clock_may_be_a_little_ahead() -> None:
    for minutes, good in ((4, True), (6, False)):
        at = timezone.now() + timedelta(minutes=minutes)
        assert RecordForm({**GOOD, "occurred_at": at.strftime("%Y-%m-%dT%H:%M:%S")}).is_valid() is good


def test_an_hour_that_the_clocks_skip_is_refused() -> None:
    with timezone.override("Europe/Berlin"):
        assert list(RecordForm({**GOOD, "occurred_at": "2026-03-29T02:30"}).errors) == ["occurred_at"]


def test_all_of_the_tokens_may_be_cached() -> None:
    form = RecordForm({**GOOD, "cached_tokens": "1200", "reasoning_tokens": "300"})
    assert form.is_valid(), form.errors


@pytest.mark.parametrize(
    ("typed", "shown"), [({}, False), ({"cached_tokens": "x"}, True), ({"evidence": "estimated"}, True)]
)
def test_details_that_were_filled_in_are_shown_again(typed: dict[str, str], *, shown: bool) -> None:
    assert RecordForm({**GOOD, **typed}).has_details is shown
    assert not RecordForm().has_details
