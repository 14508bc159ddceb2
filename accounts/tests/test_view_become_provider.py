from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import ExchangeAccount
from accounts.tests.helpers import text_of
from accounts.tests.wire import Desk, refusal

pytestmark = pytest.mark.django_db
BECOME = "/accounts/settings/provider/"
TYPED = {"display_name": "Ada's Llamas", "description": "Open models, <small> prices."}


def test_the_role_is_added_and_the_profile_kept_as_the_exchange_gave_it(
    signed_in: Client, account: ExchangeAccount, desk: Desk
) -> None:
    response = signed_in.post(BECOME, TYPED, follow=True)
    assert response.redirect_chain == [("/accounts/settings/", 302)]
    assert "You are a provider now: Ada&#x27;s Llamas." in text_of(response)
    assert desk.asked == [{"email": "ada@example.com", "roles": ["consumer", "provider"], **TYPED}]
    account.refresh_from_db()
    assert account.is_provider
    assert account.roles == ["consumer", "provider"]
    assert (account.provider_name, account.provider_description) == tuple(TYPED.values())
    assert "/catalog/services/publish/" in text_of(response), "and the navigation follows"


def test_a_refusal_names_its_rules_and_keeps_what_was_typed(
    signed_in: Client, account: ExchangeAccount, desk: Desk
) -> None:
    desk.say(400, refusal())
    response = signed_in.post(BECOME, TYPED)
    page = text_of(response)
    assert response.status_code == 422
    for text in ("NAME_FORBIDDEN", "must not claim to be official", "REGION_BLOCKED"):
        assert text in page
    assert "Ada&#x27;s Llamas" in page
    assert "Open models, &lt;small&gt; prices." in page
    account.refresh_from_db()
    assert not account.is_provider


def test_when_the_exchange_is_down_it_says_so_and_keeps_what_was_typed(
    signed_in: Client, account: ExchangeAccount, desk: Desk
) -> None:
    desk.close()
    response = signed_in.post(BECOME, TYPED)
    page = text_of(response)
    assert response.status_code == 503
    assert "connection refused" in page
    assert "python manage.py runexchange" in page
    assert "Ada&#x27;s Llamas" in page
    account.refresh_from_db()
    assert account.roles == ["consumer"]


@pytest.mark.parametrize(("status", "answered"), [(500, 504), (403, 422), (429, 503)])
def test_every_other_failure_is_a_sentence(signed_in: Client, desk: Desk, status: int, answered: int) -> None:
    desk.say(status, {"error": "no"})
    response = signed_in.post(BECOME, TYPED)
    assert response.status_code == answered
    assert response.context["error"]
    assert "Ada&#x27;s Llamas" in text_of(response)


@pytest.mark.parametrize(
    "typed",
    [
        {"display_name": "", "description": "x"},
        {"display_name": " ", "description": ""},
        {"display_name": "x" * 121},
        {"display_name": "Ada", "description": "x" * 2001},
        {"display_name": "Ada", "description": "\x00"},
    ],
)
def test_what_cannot_be_sent_is_not_sent(signed_in: Client, desk: Desk, typed: dict[str, str]) -> None:
    response = signed_in.post(BECOME, typed)
    assert response.status_code == 422
    assert response.context["enrol_form"].errors
    assert desk.asked == []


def test_who_waits_for_registration_becomes_both_at_once(client: Client, user: object, desk: Desk) -> None:
    client.force_login(user)
    client.post(BECOME, TYPED)
    account = ExchangeAccount.objects.get()
    assert (account.is_registered, account.roles) == (True, ["consumer", "provider"])


def test_it_does_nothing_but_by_post_and_leads_to_its_page(signed_in: Client) -> None:
    assert signed_in.get(BECOME)["Location"] == "/accounts/settings/"
