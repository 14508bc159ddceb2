"""What a key spends: counted with each entry in the window of its day, marked and noted where too much."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db.models import F

from accounts import api_keys
from accounts.api_keys import create_key
from accounts.factories import make_account, make_exchange
from accounts.keys.budgets import Budget, Spent, standing_of, window_of
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger
from usage.budgets import counting
from usage.factories import make_draft
from usage.ledger import Result
from usage.models import BudgetNotice, KeyDay, LedgerEntry, OverBudget, UsageRollup
from usage.models.budget import ALL_TIME
from usage.tests.books import found

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
"""A Wednesday."""


@pytest.fixture(autouse=True)
def _on_a_wednesday() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def make_key(account: ExchangeAccount, **budget: Any) -> ApiKey:
    """A key that may spend 1,000 tokens in total, or as told."""
    usual = {"unit": BudgetUnit.TOKENS, "period": BudgetPeriod.TOTAL, "limit": 1000}
    return create_key(account.user, KeySettings(label="agent", budget=Budget(**{**usual, **budget}))).key


def spend(
    account: ExchangeAccount, key: ApiKey, tokens: int, at: datetime | None = None, **more: Any
) -> Result:
    draft = make_draft(prompt_tokens=tokens, completion_tokens=0, occurred_at=at, **more)
    (result,) = ledger.record(account, [draft], source="api", api_key=key)
    return result


def marks() -> list[tuple[int, int, int]]:
    return list(OverBudget.objects.order_by("pk").values_list("entry__seq", "limit", "spent"))


def notices() -> list[tuple[str, int, int]]:
    return list(BudgetNotice.objects.order_by("pk").values_list("kind", "threshold", "spent"))


@pytest.mark.parametrize(
    ("period", "within", "before", "after"),
    [
        ("day", "2026-03-18T00:00:00Z", "2026-03-17T23:59:59.999999Z", "2026-03-19T00:00:00Z"),
        ("week", "2026-03-16T00:00:00Z", "2026-03-15T23:59:59.999999Z", "2026-03-23T00:00:00Z"),
        ("month", "2026-03-01T00:00:00Z", "2026-02-28T23:59:59.999999Z", "2026-04-01T00:00:00Z"),
    ],
)
def test_a_period_is_one_of_the_utc_calendar(period: str, within: str, before: str, after: str) -> None:
    window = window_of(BudgetPeriod(period), NOW)
    at = [datetime.fromisoformat(text) for text in (within, before, after)]
    assert [window_of(BudgetPeriod(period), moment) == window for moment in at] == [True, False, False]
    assert (window.starts_at, window.ends_at) == (at[0], at[2])


@pytest.mark.parametrize("period", BudgetPeriod.values)
def test_what_was_spent_in_another_period_counts_in_that_one(account: ExchangeAccount, period: str) -> None:
    key = make_key(account, period=BudgetPeriod(period))
    long_ago = datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert not spend(account, key, 900, long_ago).over_budget
    assert spend(account, key, 900).over_budget == (period == "total")
    # told late, it is judged by the window in which it happened
    assert spend(account, key, 101, long_ago).over_budget
    expected = [(2, 1800), (3, 1901)] if period == "total" else [(3, 1001)]
    assert [(seq, spent) for seq, _limit, spent in marks()] == expected
    starts = set(OverBudget.objects.values_list("starts_on", flat=True))
    assert starts == {ALL_TIME} if period == "total" else all(one < date(2026, 2, 1) for one in starts)


def test_another_offset_is_the_same_utc_day(account: ExchangeAccount) -> None:
    key = make_key(account, period=BudgetPeriod.DAY)
    spend(account, key, 600, datetime.fromisoformat("2026-03-18T01:30:00+02:00"))
    spend(account, key, 600, datetime.fromisoformat("2026-03-17T20:00:00-05:00"))
    assert list(KeyDay.objects.order_by("day").values_list("day", "tokens")) == [
        (date(2026, 3, 17), 600),
        (date(2026, 3, 18), 600),
    ]
    assert marks() == []


def test_the_last_token_is_within_and_the_next_one_beyond(account: ExchangeAccount) -> None:
    key = make_key(account)
    assert not spend(account, key, 1000).over_budget
    assert not standing_of(key, NOW).allowed
    assert spend(account, key, 1).over_budget
    assert marks() == [(2, 1000, 1001)]


def test_only_what_a_key_with_a_budget_consumes_is_judged(account: ExchangeAccount) -> None:
    free = create_key(account.user, KeySettings(label="free")).key
    key = make_key(account)
    assert not spend(account, free, 5000).over_budget
    assert not spend(account, key, 5000, direction="supply").over_budget
    assert not ledger.record(account, [make_draft(prompt_tokens=5000)], source="page")[0].over_budget
    assert counting.spent({key.pk: window_of("total", NOW), free.pk: window_of("total", NOW)}) == {
        free.pk: Spent(tokens=5000, unpriced_tokens=5000, entries=1)
    }
    assert marks() == notices() == []


def test_a_batch_is_judged_one_by_one_in_its_order(account: ExchangeAccount) -> None:
    key = make_key(account)
    drafts = [make_draft(prompt_tokens=tokens, completion_tokens=0) for tokens in (600, 400, 1, 300)]
    results = ledger.record(account, drafts, source="api", api_key=key)
    assert [one.over_budget for one in results] == [False, False, True, True]
    assert marks() == [(3, 1000, 1001), (4, 1000, 1301)]
    assert notices() == [("full", 1000, 1301)]


def test_a_batch_of_several_windows_is_judged_in_each(account: ExchangeAccount) -> None:
    key = make_key(account, period=BudgetPeriod.DAY)
    times = [None, datetime(2026, 3, 10, 9, tzinfo=UTC)] * 2
    drafts = [make_draft(prompt_tokens=600, completion_tokens=0, occurred_at=at) for at in times]
    results = ledger.record(account, drafts, source="api", api_key=key)
    assert [one.over_budget for one in results] == [False, False, True, True]
    # a day that is over needs nobody's attention
    assert list(BudgetNotice.objects.values_list("starts_on", flat=True)) == [date(2026, 3, 18)]


def test_what_is_taken_back_may_be_spent_again(account: ExchangeAccount) -> None:
    key = make_key(account)
    spend(account, key, 700)
    ledger.reverse(account, 1, reason="a mistake", source="page")
    assert not spend(account, key, 1000).over_budget
    assert KeyDay.objects.values_list("entries", "tokens").get() == (3, 1000)
    # what was marked stays so: it was beyond the budget when it came
    assert spend(account, key, 500).over_budget
    ledger.reverse(account, 4, reason="a mistake", source="page")
    assert marks() == [(4, 1000, 1500)]
    assert standing_of(key, NOW).figure == 1000


def test_dollars_are_counted_to_the_nano_dollar_and_unknown_prices_apart(account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=7), number=1, price="0.0000015")
    key = make_key(account, unit=BudgetUnit.USD, limit=3000)
    assert not spend(account, key, 2000).over_budget
    # a service that the mirror does not know: no price, hence nothing against a budget in dollars
    assert not spend(account, key, 10**9, service_id=99).over_budget
    assert spend(account, key, 667).over_budget
    assert marks() == [(3, 3000, 4000)]
    assert counting.spent({key.pk: window_of("total", NOW)})[key.pk] == Spent(
        tokens=10**9 + 2667, nanos=4000, unpriced_tokens=10**9, entries=3
    )


def test_each_limit_is_noted_once(account: ExchangeAccount) -> None:
    key = make_key(account, soft_limit=500)
    for tokens in (499, 1, 300, 200, 5):
        spend(account, key, tokens)
    assert notices() == [("soft", 500, 500), ("full", 1000, 1000)]
    # under the limits and over them again
    ledger.reverse(account, 1, reason="a mistake", source="page")
    spend(account, key, 600)
    assert len(notices()) == 2


def test_two_limits_at_once_are_one_mail(account: ExchangeAccount) -> None:
    spend(account, make_key(account, soft_limit=500), 1000)
    assert set(BudgetNotice.objects.values_list("kind", "sent_at")) == {("full", None), ("soft", NOW)}


def test_a_raised_limit_is_noted_again(account: ExchangeAccount) -> None:
    key = make_key(account)
    spend(account, key, 1000)
    raised = KeySettings(
        label="agent", budget=Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.TOTAL, limit=1500)
    )
    api_keys.update_key(key, raised)
    assert not spend(account, key, 499).over_budget
    assert spend(account, key, 2).over_budget
    assert notices() == [("full", 1000, 1000), ("full", 1500, 1501)]


def test_the_next_period_is_noted_anew(account: ExchangeAccount) -> None:
    key = make_key(account, period=BudgetPeriod.DAY)
    spend(account, key, 1000)
    with time_machine.travel("2026-03-19T07:00:00Z", tick=False):
        spend(account, key, 1000)
    assert list(BudgetNotice.objects.order_by("pk").values_list("starts_on", flat=True)) == [
        date(2026, 3, 18),
        date(2026, 3, 19),
    ]


def test_what_is_told_twice_counts_once_and_is_marked_as_it_was(account: ExchangeAccount) -> None:
    key = make_key(account)
    ids = [uuid.uuid4() for _ in range(2)]
    first = [spend(account, key, 600, entry_id=one) for one in ids]
    again = [spend(account, key, 600, entry_id=one) for one in ids]
    assert [one.over_budget for one in first] == [one.over_budget for one in again] == [False, True]
    assert [one.status for one in again] == ["duplicate"] * 2
    assert marks() == [(2, 1000, 1200)]
    # together with a new one, and within one batch
    drafts = [
        make_draft(prompt_tokens=tokens, completion_tokens=0, entry_id=one)
        for tokens, one in ((600, ids[1]), (7, uuid.uuid4()), (600, ids[0]), (600, ids[1]))
    ]
    results = ledger.record(account, drafts, source="api", api_key=key)
    assert [one.over_budget for one in results] == [True, True, False, True]
    assert standing_of(key, NOW).figure == 1207


def test_a_key_spends_at_every_exchange_of_its_person(account: ExchangeAccount) -> None:
    elsewhere = make_account(user=account.user, exchange=make_exchange(base_url="https://other.example"))
    key = make_key(account)
    spend(account, key, 600)
    assert spend(elsewhere, key, 600).over_budget
    assert counting.kept(account) == counting.wanted(account) == counting.wanted(elsewhere)
    assert found(account).ok
    assert found(elsewhere).ok


def test_a_rollup_that_was_tampered_with_is_not_the_keys_fault(account: ExchangeAccount) -> None:
    key = make_key(account)
    spend(account, key, 600)
    spend(account, key, 7, datetime(2026, 3, 10, 9, tzinfo=UTC))
    UsageRollup.objects.filter(grain="day", starts_at__date=NOW.date()).update(entries=F("entries") + 7)
    assert [problem.kind for problem in found(account).problems] == ["rollup"]
    KeyDay.objects.filter(day=NOW.date()).update(tokens=1)
    assert [problem.kind for problem in found(account).problems] == ["rollup", "tally"]


@pytest.mark.parametrize("how", ["more", "gone", "made up"])
def test_a_day_that_was_tampered_with_is_found_and_made_right(acting: ExchangeAccount, how: str) -> None:
    account = acting
    key = make_key(account)
    spend(account, key, 600)
    spend(account, key, 100, datetime(2026, 3, 10, 9, tzinfo=UTC))
    right = counting.kept(account)
    assert found(account).ok
    match how:
        case "more":
            KeyDay.objects.filter(day=NOW.date()).update(tokens=F("tokens") - 500)
        case "gone":
            KeyDay.objects.filter(day=NOW.date()).delete()
        case _:
            KeyDay.objects.create(key=key, day=date(2026, 3, 1), entries=1, tokens=5)
    (problem,) = found(account).problems
    assert problem.kind == "tally"
    assert f"The spending of API key {key.pk} on {'2026-03-01' if how == 'made up' else NOW.date()}" in (
        problem.message
    )

    call_command(
        "verify_ledger", "--rebuild-rollups", "--offline", stdout=io.StringIO(), stderr=io.StringIO()
    )
    assert found(account).ok
    assert {day: figures for day, figures in counting.kept(account).items() if any(figures)} == right
    assert not spend(account, key, 300).over_budget
    assert LedgerEntry.objects.count() == 3
