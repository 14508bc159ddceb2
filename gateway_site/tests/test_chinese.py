"""Figures, days and plurals on Chinese pages: grouped by three, year first, one form for every count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import translation

from accounts.api_keys import create_key
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.helpers import VERIFY, ask, mailed_code, text_of, wrong
from usage.factories import make_entry

pytestmark = pytest.mark.django_db
ENGLISH_MONTH = re.compile(
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d|\d (?:Jan|Nov|Dec)"
)


@pytest.fixture(autouse=True)
def _in_november() -> Iterator[None]:
    with (
        time_machine.travel(datetime(2026, 11, 28, 9, 0, tzinfo=UTC), tick=False),
        translation.override("en"),
    ):
        yield


@pytest.fixture
def chinese() -> Client:
    return Client(headers={"Accept-Language": "zh-CN"})


@pytest.fixture
def reader(chinese: Client, account: ExchangeAccount) -> Client:
    chinese.force_login(account.user)
    return chinese


def words_of(client: Client, path: str) -> str:
    page = text_of(client.get(path))
    assert '<html lang="zh-hans"' in page
    assert not ENGLISH_MONTH.search(page), "a day is written as in English"
    return page


def test_a_code_that_was_wrong_once_and_four_times(chinese: Client) -> None:
    ask(chinese)
    code = mailed_code()
    for left in (4, 3, 2, 1):
        page = text_of(chinese.post(VERIFY, {"code": wrong(code)}))
        assert f"验证码错误，还可以再试 {left} 次。" in page


def test_the_free_quota_is_grouped_by_three(reader: Client, account: ExchangeAccount) -> None:
    ExchangeAccount.objects.update(free_granted=12_345_678, free_used=0)
    page = words_of(reader, "/accounts/settings/")
    assert "12,345,678" in page


def test_keys_say_how_much_is_spent_and_when_it_starts_anew(reader: Client, account: ExchangeAccount) -> None:
    budget = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.MONTH, limit=1_200_000)
    key = create_key(
        account.user,
        KeySettings(label="夜间批处理", budget=budget, expires_at=datetime(2027, 1, 5, tzinfo=UTC)),
    ).key
    make_entry(account=account, api_key=key, source="api", prompt_tokens=34_000, completion_tokens=567)
    page = words_of(reader, "/accounts/keys/")
    for words in ("夜间批处理", "34,567 Token", "34.6K", "1,200,000 Token", "1.20M", "2026年12月1日"):
        assert words in page, words
    page = words_of(reader, f"/accounts/keys/{key.pk}/")
    assert "2027年1月5日 00:00:00" in page
    assert "2026年11月28日 09:00:00" in page
    assert 'value="1,200,000"' in page, "what is typed again is read again"


@pytest.mark.parametrize("path", ["/usage/logs/", "/"])
def test_an_entry_has_its_tokens_grouped_and_its_day_in_chinese(
    reader: Client, account: ExchangeAccount, path: str
) -> None:
    make_entry(account=account, prompt_tokens=1_234_000, completion_tokens=567)
    page = words_of(reader, path)
    assert "1,234,567" in page
    assert "刚刚" in page or "2026年11月28日" in page


def test_one_and_many_have_one_form(reader: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, prompt_tokens=1, completion_tokens=0)
    assert "1 Token" in words_of(reader, "/usage/")
    make_entry(account=account, prompt_tokens=1, completion_tokens=1)
    page = words_of(reader, "/usage/")
    assert "3 Token" in page
    assert "Tokens" not in re.sub(r"<[^>]*>", "", page)


def test_how_long_ago_is_said_in_chinese(reader: Client, account: ExchangeAccount) -> None:
    key = create_key(account.user, KeySettings(label="Agent")).key
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=False):
        page = words_of(reader, f"/accounts/keys/{key.pk}/")
    assert re.search(r"2\s小时前", page)
