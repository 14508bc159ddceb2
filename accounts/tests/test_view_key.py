from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.api_keys import create_key, revoke
from accounts.factories import make_account, make_api_key
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.helpers import counted_queries, text_of
from accounts.tests.test_key_forms import typed
from usage.factories import make_entry

pytestmark = pytest.mark.django_db
BUDGET = Budget(unit=BudgetUnit.USD, period=BudgetPeriod.WEEK, limit=25 * 10**9, soft_limit=20 * 10**9)
ENDS = datetime(2126, 3, 1, 9, 41, 12, 345678, tzinfo=UTC)


@pytest.fixture
def key(account: ExchangeAccount) -> ApiKey:
    settings = KeySettings(label="Agent", tags=["prod"], budget=BUDGET, expires_at=ENDS)
    return create_key(account.user, settings).key


def url(key: ApiKey, end: str = "") -> str:
    return f"/accounts/keys/{key.pk}/{end}"


def rows() -> list[Any]:
    return [*ApiKey.objects.order_by("pk").values(), *ApiKeySecret.objects.order_by("pk").values()]


@pytest.mark.parametrize("end", ["", "rotate/", "revoke/"])
def test_it_asks_for_a_sign_in(client: Client, key: ApiKey, end: str) -> None:
    before = rows()
    for response in (client.get(url(key, end)), client.post(url(key, end), typed())):
        assert response["Location"].startswith("/accounts/login/")
    assert rows() == before


@pytest.mark.parametrize("end", ["", "rotate/", "revoke/"])
@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_anothers_key_is_not_found_and_nothing_changes(signed_in: Client, end: str, method: str) -> None:
    theirs = make_api_key(user=make_account().user, label="a stranger's")
    before = rows()
    for number in (theirs.pk, 999, 0, 2**63, 10**40):
        told = {**typed(label="Mine"), "overlap": "0"}
        response = getattr(signed_in, method)(f"/accounts/keys/{number}/{end}", told)
        assert response.status_code == 404
        assert b"stranger" not in response.content
    assert rows() == before


@pytest.mark.parametrize("end", ["", "rotate/", "revoke/"])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_another_method_is_refused(signed_in: Client, key: ApiKey, end: str, method: str) -> None:
    assert getattr(signed_in, method)(url(key, end)).status_code == 405


@pytest.mark.parametrize("end", ["rotate/", "revoke/"])
def test_what_only_takes_a_form_leads_to_the_key(signed_in: Client, key: ApiKey, end: str) -> None:
    before = rows()
    assert signed_in.get(url(key, end))["Location"] == url(key)
    assert rows() == before


def test_it_shows_the_key(signed_in: Client, account: ExchangeAccount, key: ApiKey) -> None:
    make_entry(account=account, source="api", api_key=key, service_id=99)
    page = text_of(signed_in.get(url(key)))
    secret = ApiKeySecret.objects.get()
    for words in (
        "Agent",
        ">prod<",
        secret.prefix,
        "$25.00",
        "this week",
        "1,500 tokens without a price",
        'value="25"',
        'value="20"',
        'value="prod"',
        f"/usage/logs/?key={key.pk}",
        f"/usage/?key={key.pk}",
    ):
        assert words in page, words
    assert secret.sha256 not in page


def test_it_is_changed(signed_in: Client, key: ApiKey) -> None:
    told = typed(
        label="Other",
        tags="a, b",
        scopes=["read"],
        ends="30",
        budget_unit="tokens",
        budget_limit="1,000",
        budget_period="total",
    )
    response = signed_in.post(url(key), told, follow=True)
    assert "Other is saved." in text_of(response)
    key.refresh_from_db()
    assert (key.label, key.tags, key.scopes) == ("Other", ["a", "b"], ["read"])
    assert (key.budget_unit, key.budget_limit, key.soft_limit) == ("tokens", 1000, None)
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    assert ApiKeySecret.objects.get().expires_at is None, "its secret goes on"


def test_its_end_is_kept_to_the_microsecond(signed_in: Client, key: ApiKey) -> None:
    signed_in.post(url(key), typed(ends="keep", expires_at="2020-01-01T00:00"))
    key.refresh_from_db()
    assert key.expires_at == ENDS
    assert key.label == "Night batch"


def test_an_expired_key_is_changed_and_keeps_its_end(signed_in: Client, key: ApiKey) -> None:
    past = timezone.now() - timedelta(days=1)
    ApiKey.objects.update(expires_at=past)
    page = text_of(signed_in.get(url(key)))
    assert "its secrets do not work" in page
    assert signed_in.post(url(key), typed(ends="keep")).status_code == 302
    key.refresh_from_db()
    assert (key.label, key.expires_at) == ("Night batch", past)


def test_what_does_not_fit_changes_nothing_and_is_kept(signed_in: Client, key: ApiKey) -> None:
    before = rows()
    told = typed(label="", tags="typed", budget_unit="usd", budget_limit="ten")
    response = signed_in.post(url(key), told)
    page = text_of(response)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"label", "budget_limit"}
    assert 'value="typed"' in page
    assert 'value="ten"' in page
    response = signed_in.post(url(key), typed(label="a\tb"))
    assert response.status_code == 422, "what only the domain refuses"
    assert list(response.context["form"].errors) == ["label"]
    assert rows() == before


def test_a_revoked_key_can_be_looked_at_and_not_changed(signed_in: Client, key: ApiKey) -> None:
    revoke(key)
    before = rows()
    page = text_of(signed_in.get(url(key)))
    assert "It was revoked on" in page
    assert f'action="{url(key)}' not in page
    for end, told in (("", typed(label="Other")), ("", typed(label="")), ("rotate/", {"overlap": "0"})):
        response = signed_in.post(url(key, end), told)
        assert response.status_code == 409
        assert "This key was revoked. Make another one." in text_of(response)
    assert rows() == before


def test_one_that_is_revoked_meanwhile_is_said_to_be(
    signed_in: Client, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts import api_keys

    change = api_keys.update_key

    def revoked_first(found: ApiKey, settings: KeySettings) -> None:
        revoke(ApiKey.objects.get(pk=found.pk))
        change(found, settings)

    monkeypatch.setattr(api_keys, "update_key", revoked_first)
    response = signed_in.post(url(key), typed(label="Other"))
    assert response.status_code == 409
    assert "This key was revoked." in text_of(response)
    assert "Other" not in text_of(response)


def test_it_is_revoked_for_good(signed_in: Client, account: ExchangeAccount, key: ApiKey) -> None:
    entry = make_entry(account=account, source="api", api_key=key)
    response = signed_in.post(url(key, "revoke/"), follow=True)
    assert response.redirect_chain == [("/accounts/keys/", 302)]
    assert "Agent is revoked: its secrets do not work any more." in text_of(response)
    key.refresh_from_db()
    first = key.revoked_at
    assert first is not None
    signed_in.post(url(key, "revoke/"))
    key.refresh_from_db()
    assert key.revoked_at == first
    entry.refresh_from_db()
    assert entry.api_key == key


def test_revoking_asks_first_without_javascript(signed_in: Client, key: ApiKey) -> None:
    page = text_of(signed_in.get(url(key)))
    fold = page.index("<details", page.index('id="revoke"'))
    assert fold < page.index(f'action="{url(key, "revoke/")}"') < page.index("</details>", fold)


def test_its_queries(signed_in: Client, key: ApiKey) -> None:
    # 1 session, 2 user, 3 the key, 4 its secrets, 5 the account with its Exchange, 6 the services,
    # 7 what was spent, 8 whether the books differ
    with counted_queries(8):
        signed_in.get(url(key))
    # 1 to 6 as above, 7 the change, 8 the audit event, 9 the notice, which the session keeps
    with counted_queries(9):
        assert signed_in.post(url(key), typed()).status_code == 302
    # 1 to 4 as above, 5 its end, 6 the audit event, 7 when that was, 8 the notice
    with counted_queries(8):
        signed_in.post(url(key, "revoke/"))
