"""API keys in the admin: read only, but for revoking."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.api_keys import create_key, key_of, revoke
from accounts.factories import make_api_key, make_user
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.helpers import text_of
from accounts.tests.test_admin import helper, signed_in_as

pytestmark = pytest.mark.django_db
API_KEYS = "/admin/accounts/apikey/"
REVOKE = {"action": "revoke_selected", "index": "0"}


def act(client: Client, *keys: ApiKey, **more: str) -> str:
    """Choose the action for these keys; the page that comes of it."""
    told = {**REVOKE, "_selected_action": [str(key.pk) for key in keys], **more}
    response = client.post(API_KEYS, told, follow=True)
    assert response.status_code == 200
    return text_of(response)


def test_a_key_shows_what_was_chosen_for_it_and_its_secrets_by_their_beginning() -> None:
    budget = Budget(unit=BudgetUnit.USD, period=BudgetPeriod.WEEK, limit=1_250_500_000_000, soft_limit=10**12)
    created = create_key(
        make_user(), KeySettings(label="Agent", tags=["prod", "eu"], scopes=["publish"], budget=budget)
    )
    client = signed_in_as(make_user(staff=True))
    page = text_of(client.get(f"{API_KEYS}{created.key.pk}/change/"))
    for words in (
        "prod, eu",
        "publish",
        "1,250.50 US dollars, Per week",
        "1,000 US dollars",
        "Active",
        created.prefix,
    ):
        assert words in page, words
    assert 'name="_save"' not in page
    assert ApiKeySecret.objects.get().sha256 not in page
    assert "prod, eu" in text_of(client.get(API_KEYS))
    # to the last token, of more than a float can tell apart
    ApiKey.objects.update(budget_unit="tokens", budget_limit=2**63 - 1, soft_limit=None)
    assert "9,223,372,036,854,775,807 Tokens, Per week" in text_of(client.get(API_KEYS))


def test_an_operator_revokes_keys_after_a_confirmation() -> None:
    one, other = (create_key(make_user(), KeySettings(label=f"Agent {n}")) for n in range(2))
    kept = make_api_key(label="Kept")
    client = signed_in_as(make_user(staff=True))
    asked = act(client, one.key, other.key)
    assert "All secrets of these keys end at once" in asked
    assert "Agent 0" in asked
    assert "Agent 1" in asked
    assert "Kept" not in asked
    assert key_of(one.secret_text), "nothing has happened yet"
    assert "2 keys were revoked." in act(client, one.key, other.key, confirmed="yes")
    assert key_of(one.secret_text) is None
    assert key_of(other.secret_text) is None
    kept.refresh_from_db()
    assert kept.revoked_at is None
    assert sorted(LogEntry.objects.values_list("object_id", flat=True)) == sorted(
        [str(one.key.pk), str(other.key.pk)]
    )


def test_one_is_revoked_from_its_page() -> None:
    key = make_api_key()
    client = signed_in_as(make_user(staff=True))
    page = text_of(client.get(f"{API_KEYS}{key.pk}/change/"))
    assert f'<form method="post" action="{API_KEYS}">' in page
    assert f'name="_selected_action" value="{key.pk}"' in page
    revoke(key)
    assert "revoke_selected" not in text_of(client.get(f"{API_KEYS}{key.pk}/change/"))


def test_one_that_is_revoked_already_stays_so_since_then() -> None:
    key = make_api_key()
    revoke(key)
    assert "0 keys were revoked." in act(signed_in_as(make_user(staff=True)), key, confirmed="yes")
    again = ApiKey.objects.get()
    assert again.revoked_at == key.revoked_at


def test_who_may_only_look_is_not_offered_to_revoke_and_cannot() -> None:
    key = make_api_key()
    client = signed_in_as(helper("view_apikey"))
    for path in (API_KEYS, f"{API_KEYS}{key.pk}/change/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "revoke_selected" not in text_of(page)
    act(client, key, confirmed="yes")
    key.refresh_from_db()
    assert key.revoked_at is None


def test_who_may_change_keys_can_revoke_and_nothing_else() -> None:
    key = make_api_key()
    client = signed_in_as(helper("view_apikey", "change_apikey"))
    assert "revoke_selected" in text_of(client.get(f"{API_KEYS}{key.pk}/change/"))
    assert client.post(f"{API_KEYS}{key.pk}/change/", {"label": "x"}).status_code == 403
    act(client, key, confirmed="yes")
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert key.label == "Agent"
