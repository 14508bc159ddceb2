from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.api_keys import create_key
from accounts.factories import make_user
from accounts.key_forms import KeyForm, RotateForm
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings, settings_of
from accounts.models import ApiKey
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from exchange.fields import INT64_MAX

SERVICES = [(11, "GPT-4o · Northwind (#11)"), (12, "Llama · Northwind (#12)")]


def typed(**changes: Any) -> dict[str, Any]:
    """What a browser sends for a key without anything special."""
    told = {
        "label": "Night batch",
        "tags": "",
        "scopes": ["read", "record"],
        "default_service_id": "",
        "ends": "never",
        "expires_at": "",
        "budget_unit": "",
        "budget_limit": "",
        "budget_period": "month",
        "soft_limit": "",
    }
    return {**told, **changes}


def chosen(**changes: Any) -> KeySettings:
    form = KeyForm(typed(**changes), services=SERVICES)
    assert form.is_valid(), form.errors
    return form.settings


def wrong(key: ApiKey | None = None, **changes: Any) -> dict[str, list[str]]:
    form = KeyForm(typed(**changes), key=key, services=SERVICES)
    assert not form.is_valid()
    return {name: list(texts) for name, texts in form.errors.items()}


def as_typed(key: ApiKey) -> dict[str, Any]:
    """What a browser sends back of a form in which nothing was touched."""
    form = KeyForm(key=key, services=SERVICES)
    return {name: form[name].value() for name in form.fields if form[name].value() is not None}


def make_key(**settings: Any) -> ApiKey:
    return create_key(make_user(), KeySettings(**{"label": "Agent", **settings})).key


def test_what_is_left_as_it_is_makes_a_plain_key() -> None:
    assert chosen() == KeySettings(label="Night batch", tags=("",), scopes=("read", "record"))


@pytest.mark.parametrize(
    ("unit", "text", "limit"),
    [
        ("tokens", "1,200,000", 1_200_000),
        ("tokens", " 5 000 ", 5000),
        ("tokens", f"{INT64_MAX:,}", INT64_MAX),
        ("usd", "25", 25 * 10**9),
        ("usd", "$1,250.50", 1_250_500_000_000),
        ("usd", "0.000000001", 1),
        ("usd", ".5", 500_000_000),
        ("usd", "9,223,372,036", 9_223_372_036 * 10**9),
    ],
)
def test_a_budget_is_typed_as_it_is_shown(unit: str, text: str, limit: int) -> None:
    budget = chosen(budget_unit=unit, budget_limit=text, budget_period="week").budget
    assert budget == Budget(unit=BudgetUnit(unit), period=BudgetPeriod.WEEK, limit=limit)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("tokens", "1.5"),
        ("tokens", "1,20"),
        ("tokens", "-1"),
        ("tokens", str(INT64_MAX + 1)),
        ("tokens", "many"),
        ("usd", "1.1234567891"),
        ("usd", "-1"),
        ("usd", "1e9"),
        ("usd", "NaN"),
        ("usd", "$"),
        ("usd", "."),
        ("usd", "1,25"),
        ("usd", "9" * 59),
    ],
)
@pytest.mark.parametrize("field", ["budget_limit", "soft_limit"])
def test_what_is_no_amount_is_said_at_its_field(unit: str, text: str, field: str) -> None:
    told = {"budget_limit": "100", "soft_limit": "50", "budget_unit": unit, field: text}
    assert list(wrong(**told)) == [field]


def test_a_budget_needs_a_limit() -> None:
    assert list(wrong(budget_unit="usd")) == ["budget_limit"]


def test_what_stands_in_hidden_fields_does_not_matter_without_a_budget() -> None:
    assert chosen(budget_limit="x" * 90, soft_limit="y", budget_period="aeon").budget is None


def test_a_key_that_ends_at_a_time_ends_at_it_in_the_browsers_zone() -> None:
    with timezone.override(ZoneInfo("Asia/Shanghai")):
        ends = chosen(ends="at", expires_at="2126-03-01T08:30").expires_at
    assert ends == datetime(2126, 3, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("days", [30, 90, 365])
def test_a_key_can_end_after_days(days: int) -> None:
    before = timezone.now()
    ends = chosen(ends=str(days), expires_at="nonsense that nobody sees").expires_at
    assert ends is not None
    assert before <= ends - timedelta(days=days) <= timezone.now()


@pytest.mark.parametrize("moment", ["", "soon", "9999-12-31T23:59", "2026-02-30T10:00"])
def test_a_time_that_cannot_be_is_said_at_its_field(moment: str) -> None:
    assert list(wrong(ends="at", expires_at=moment)) == ["expires_at"]


def test_a_new_key_has_nothing_to_keep() -> None:
    assert list(wrong(ends="keep")) == ["ends"]


@pytest.mark.parametrize("told", ["", "999", "x"])
def test_services_are_chosen_from_the_list(told: str) -> None:
    if told:
        assert list(wrong(default_service_id=told)) == ["default_service_id"]
    else:
        assert chosen(default_service_id=told).default_service_id is None
    assert chosen(default_service_id="12").default_service_id == 12


@pytest.mark.parametrize(
    ("told", "number"), [("12", 12), ("", None), ("0", "wrong"), ("x", "wrong"), (str(2**63), "wrong")]
)
def test_without_a_list_a_number_is_typed(told: str, number: object) -> None:
    form = KeyForm(typed(default_service_id=told))
    if number == "wrong":
        assert list(form.errors) == ["default_service_id"]
    else:
        assert form.is_valid()
        assert form.settings.default_service_id == number


@pytest.mark.django_db
def test_a_service_that_is_listed_no_more_stays_chosen() -> None:
    key = make_key(default_service_id=77)
    form = KeyForm(as_typed(key), key=key, services=SERVICES)
    assert form.is_valid(), form.errors
    assert form.settings.default_service_id == 77
    assert "Service 77, which is not listed now" in str(form["default_service_id"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tags": ["a", "b c"], "scopes": ["publish"], "default_service_id": 11},
        {"expires_at": datetime(2126, 3, 1, 9, 41, 12, 345678, tzinfo=UTC)},
        {"budget": Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.DAY, limit=INT64_MAX, soft_limit=1200)},
        {"budget": Budget(unit=BudgetUnit.USD, period=BudgetPeriod.TOTAL, limit=1)},
        {
            "budget": Budget(
                unit=BudgetUnit.USD, period=BudgetPeriod.WEEK, limit=INT64_MAX, soft_limit=1_250_500_000_000
            )
        },
    ],
)
def test_an_untouched_form_changes_nothing(settings: dict[str, Any]) -> None:
    key = make_key(**settings)
    before = settings_of(key)
    form = KeyForm(as_typed(key), key=key, services=SERVICES)
    assert form.is_valid(), form.errors
    after = form.settings
    tags = tuple(tag.strip() for tag in after.tags if tag.strip())
    assert KeySettings(**{**{n: getattr(after, n) for n in KeySettings.__slots__}, "tags": tags}) == before


@pytest.mark.django_db
def test_amounts_are_shown_as_they_are_typed() -> None:
    key = make_key(
        budget=Budget(
            unit=BudgetUnit.USD, period=BudgetPeriod.MONTH, limit=1_250_500_000_000, soft_limit=25 * 10**9
        )
    )
    form = KeyForm(key=key)
    assert (form["budget_limit"].value(), form["soft_limit"].value()) == ("1,250.50", "25")


@pytest.mark.parametrize("overlap", ["", "-1", "1", str(31 * 24 * 3600), "day"])
def test_an_overlap_is_one_of_the_list(overlap: str) -> None:
    assert list(RotateForm({"overlap": overlap}).errors) == ["overlap"]


def test_every_overlap_of_the_list_can_be() -> None:
    form = RotateForm()
    for seconds, _words in form.fields["overlap"].choices:  # type: ignore[attr-defined]
        told = RotateForm({"overlap": str(seconds), "sure": "on"})
        assert told.is_valid()
        assert told.chosen <= timedelta(days=30)


@pytest.mark.parametrize("token", ["\x00", "x" * 10_000, "<b>"])
def test_a_form_token_that_cannot_be_is_no_reason_to_refuse(token: str) -> None:
    assert KeyForm(typed(form_token=token)).is_valid()
