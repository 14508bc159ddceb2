"""Several who spend the last of one key's budget at the same instant, on connections of their own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from accounts.api_keys import create_key
from accounts.factories import make_account, make_exchange
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from usage import ledger
from usage.factories import make_draft, make_entry
from usage.models import BudgetNotice, KeyDay, LedgerEntry, OverBudget
from usage.tests.books import found
from usage.tests.test_delivery_at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT, EACH = 10_000, 600


def make_key(account: ExchangeAccount, left: int) -> ApiKey:
    """A key that may still spend so many tokens."""
    budget = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.TOTAL, limit=LIMIT)
    key = create_key(account.user, KeySettings(label="agent", budget=budget)).key
    make_entry(account=account, api_key=key, prompt_tokens=LIMIT - left, completion_tokens=0)
    return key


def spend_at_once(accounts: Sequence[ExchangeAccount], key: ApiKey) -> list[bool]:
    """One entry into each of these books at the same instant; of each, whether it was over the budget."""
    answers: list[bool] = []

    def spend(account: ExchangeAccount) -> None:
        draft = make_draft(prompt_tokens=EACH, completion_tokens=0)
        answers.append(ledger.record_one(account, draft, source="api", api_key=key).over_budget)

    at_once(*[lambda account=account: spend(account) for account in accounts])
    return answers


def check(key: ApiKey, *, entries: int, beyond: list[int]) -> None:
    """Every entry is there and counted; these, by what was spent with them, are marked; it is noted once."""
    assert LedgerEntry.objects.filter(api_key=key).count() == entries
    assert KeyDay.objects.values_list("entries", flat=True).get() == entries
    assert sorted(OverBudget.objects.values_list("spent", flat=True)) == beyond
    assert BudgetNotice.objects.values_list("kind", "threshold").get() == ("full", LIMIT)
    for account in ExchangeAccount.objects.all():
        assert found(account).ok


@pytest.mark.parametrize("_time", range(5))
def test_of_two_on_the_last_tokens_both_are_recorded_and_the_one_beyond_is_marked(
    account: ExchangeAccount, _time: int
) -> None:
    key = make_key(account, left=1000)
    assert sorted(spend_at_once([account, account], key)) == [False, True]
    check(key, entries=3, beyond=[LIMIT + 2 * EACH - 1000])
    newest = LedgerEntry.objects.order_by("-seq")[0]
    assert OverBudget.objects.get().entry == newest


def test_of_eight_as_many_are_marked_as_there_was_no_budget_for(account: ExchangeAccount) -> None:
    key = make_key(account, left=3 * EACH)
    assert sorted(spend_at_once([account] * 8, key)) == [False] * 3 + [True] * 5
    check(key, entries=9, beyond=[LIMIT + n * EACH for n in range(1, 6)])


def test_the_same_key_at_two_exchanges_has_one_budget(account: ExchangeAccount) -> None:
    elsewhere = make_account(user=account.user, exchange=make_exchange(base_url="https://other.example"))
    key = make_key(account, left=1000)
    make_entry(account=elsewhere)
    assert sorted(spend_at_once([account, elsewhere], key)) == [False, True]
    check(key, entries=3, beyond=[LIMIT + 2 * EACH - 1000])
