from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.api_keys import create_key, revoke, rotate
from accounts.factories import make_account, make_api_key, make_user
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount, User
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.helpers import counted_queries, text_of
from catalog.tests.mirrored import make_provider, make_service
from usage.factories import make_entry

pytestmark = pytest.mark.django_db
KEYS = "/accounts/keys/"
MONTH, TOTAL = BudgetPeriod.MONTH, BudgetPeriod.TOTAL


def make_key(user: User, **settings: Any) -> ApiKey:
    return create_key(user, KeySettings(**{"label": "Agent", **settings})).key


def tokens(limit: int, soft: int | None = None, period: BudgetPeriod = MONTH) -> Budget:
    return Budget(unit=BudgetUnit.TOKENS, period=period, limit=limit, soft_limit=soft)


def dollars(limit: int) -> Budget:
    return Budget(unit=BudgetUnit.USD, period=MONTH, limit=limit * 10**9)


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(KEYS)["Location"] == f"/accounts/login/?next={KEYS}"


def test_it_only_reads(signed_in: Client) -> None:
    assert signed_in.post(KEYS).status_code == 405


def test_who_has_none_is_led_to_making_one(signed_in: Client) -> None:
    page = text_of(signed_in.get(KEYS))
    assert "No API keys yet" in page
    assert page.count('href="/accounts/keys/new/"') == 1


def test_it_shows_what_a_key_is(signed_in: Client, account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, name="o3")
    key = make_key(account.user, label="<b>Night", tags=["prod", "<i>"], default_service_id=11)
    ApiKeySecret.objects.update(last_used_at=timezone.now() - timedelta(hours=3))
    make_key(account.user, label="Unused", default_service_id=99)
    page = text_of(signed_in.get(KEYS))
    prefix = ApiKeySecret.objects.get(key=key).prefix
    for words in (
        "&lt;b&gt;Night",
        ">prod<",
        "&lt;i&gt;",
        prefix,
        "Read, Record",
        "3\N{NO-BREAK SPACE}hours ago",
        "o3 · Northwind (#11)",
        "#99",
        "Never used",
        "Active",
        "no budget",
        f'href="/accounts/keys/{key.pk}/"',
        f'href="/usage/logs/?key={key.pk}"',
        f'href="/usage/?key={key.pk}"',
    ):
        assert words in page, words
    assert "<b>Night" not in page


def test_a_budget_is_a_bar_with_its_figures(signed_in: Client, account: ExchangeAccount) -> None:
    key = make_key(account.user, budget=tokens(5_000_000))
    make_entry(account=account, source="api", api_key=key, prompt_tokens=1_199_700)
    page = text_of(signed_in.get(KEYS))
    assert '<rect width="24" height="6" />' in page
    for words in ("1.20M", "1,200,000 tokens", "5.00M", "this month", "starts anew", "00:00 UTC"):
        assert words in page, words


def test_a_budget_in_total_never_starts_anew(signed_in: Client, account: ExchangeAccount) -> None:
    make_key(account.user, budget=tokens(5000, period=TOTAL))
    page = text_of(signed_in.get(KEYS))
    assert "in total" in page
    assert "starts anew" not in page


def test_tokens_without_a_price_are_told_where_dollars_are_counted(
    signed_in: Client, account: ExchangeAccount
) -> None:
    key = make_key(account.user, budget=dollars(25))
    make_entry(account=account, source="api", api_key=key, service_id=99, prompt_tokens=3100)
    page = text_of(signed_in.get(KEYS))
    assert "3,400 tokens without a price are not in it" in page
    assert "$25.00" in page
    ApiKey.objects.update(budget_unit="tokens")
    assert "without a price" not in text_of(signed_in.get(KEYS))


@pytest.mark.parametrize(
    ("spent", "chips"),
    [
        (799, ["Active"]),
        (800, ["Soft limit reached"]),
        (999, ["Soft limit reached"]),
        (1000, ["Budget reached"]),
    ],
)
def test_its_state_says_how_the_budget_stands(
    signed_in: Client, account: ExchangeAccount, spent: int, chips: list[str]
) -> None:
    key = make_key(account.user, budget=tokens(1000, 800))
    make_entry(account=account, source="api", api_key=key, prompt_tokens=spent - 1, completion_tokens=1)
    (row,) = signed_in.get(KEYS).context["rows"]
    assert [chip.words for chip in row.chips] == chips


@pytest.mark.parametrize(
    ("ends_in", "words"),
    [
        (timedelta(days=8), "Active"),
        (timedelta(days=6), "Expires soon"),
        (timedelta(seconds=-1), "Expired"),
    ],
)
def test_its_state_says_when_it_ends(
    signed_in: Client, account: ExchangeAccount, ends_in: timedelta, words: str
) -> None:
    make_api_key(user=account.user)
    ApiKey.objects.update(expires_at=timezone.now() + ends_in)
    (row,) = signed_in.get(KEYS).context["rows"]
    assert [chip.words for chip in row.chips] == [words]
    assert words in text_of(signed_in.get(KEYS))


def test_two_that_work_are_both_named(signed_in: Client, account: ExchangeAccount) -> None:
    key = make_api_key(user=account.user)
    rotate(key, overlap=timedelta(days=1))
    page = text_of(signed_in.get(KEYS))
    prefixes = ApiKeySecret.objects.values_list("prefix", flat=True)
    assert len(prefixes) == 2
    assert all(prefix in page for prefix in prefixes)


def test_revoked_ones_are_folded_below(signed_in: Client, account: ExchangeAccount) -> None:
    revoke(make_api_key(user=account.user, label="Old one"))
    page = text_of(signed_in.get(KEYS))
    assert "No key works" in page
    assert page.index("<details") < page.index("Old one")
    make_api_key(user=account.user, label="New one")
    page = text_of(signed_in.get(KEYS))
    assert page.index("New one") < page.index("<details") < page.index("Old one")


def test_nobody_elses_are_listed(signed_in: Client) -> None:
    make_api_key(user=make_account().user, label="a stranger's")
    assert "No API keys yet" in text_of(signed_in.get(KEYS))


def test_many_tags_leave_room(signed_in: Client, account: ExchangeAccount) -> None:
    make_key(account.user, tags=[f"tag-{n}" for n in range(20)])
    page = text_of(signed_in.get(KEYS))
    assert ">tag-5<" in page
    assert ">tag-6<" not in page
    assert "14 more" in page


def test_no_hash_of_a_secret_is_in_it(signed_in: Client, account: ExchangeAccount) -> None:
    make_api_key(user=account.user)
    assert ApiKeySecret.objects.get().sha256 not in text_of(signed_in.get(KEYS))


def test_its_queries(signed_in: Client, account: ExchangeAccount) -> None:
    for number in range(12):
        make_key(account.user, label=f"Agent {number}", budget=tokens(1000), default_service_id=11)
    # 1 session, 2 user, 3 the keys, 4 their secrets, 5 the account with its Exchange, 6 the services' names,
    # 7 what was spent, 8 whether the books differ
    with counted_queries(8):
        signed_in.get(KEYS)
    ApiKey.objects.update(default_service_id=None)
    # without a default service nobody asks for names
    with counted_queries(7):
        signed_in.get(KEYS)
    make_key(make_user(), budget=tokens(1000, period=TOTAL))
    make_key(account.user, budget=tokens(1000, period=TOTAL))
    # and one look more for another stretch of time
    with counted_queries(8):
        signed_in.get(KEYS)
