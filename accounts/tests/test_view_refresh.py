from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import ExchangeAccount
from accounts.tests.helpers import text_of
from accounts.tests.wire import Desk, refusal

pytestmark = pytest.mark.django_db
REFRESH = "/accounts/settings/refresh/"


def test_the_registration_is_fetched_again(signed_in: Client, account: ExchangeAccount, desk: Desk) -> None:
    response = signed_in.post(REFRESH, follow=True)
    assert "The Exchange has answered: your account is up to date." in text_of(response)
    account.refresh_from_db()
    assert (account.free_granted, account.free_used) == (50_000, 12_500)


def test_what_was_kept_stays_when_the_exchange_is_down(
    signed_in: Client, account: ExchangeAccount, desk: Desk
) -> None:
    desk.close()
    page = text_of(signed_in.post(REFRESH, follow=True))
    assert "connection refused" in page
    before = account.refreshed_at
    account.refresh_from_db()
    assert (account.is_registered, account.refreshed_at) == (True, before)


def test_a_refusal_names_its_rules(signed_in: Client, desk: Desk) -> None:
    desk.say(400, refusal())
    page = text_of(signed_in.post(REFRESH, follow=True))
    assert "NAME_FORBIDDEN" in page
    assert "REGION_BLOCKED" in page


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/", "/"),
        ("", "/accounts/settings/"),
        ("https://evil.example/", "/accounts/settings/"),
        ("usage:dashboard", "/accounts/settings/"),
        ("settings", "/accounts/settings/"),
    ],
)
def test_it_goes_back_to_the_page_from_which_it_was_asked(
    signed_in: Client, desk: Desk, wanted: str, target: str
) -> None:
    assert signed_in.post(REFRESH, {"next": wanted})["Location"] == target


def test_it_does_nothing_but_by_post_and_leads_to_its_page(signed_in: Client, desk: Desk) -> None:
    assert signed_in.get(REFRESH)["Location"] == "/accounts/settings/"
    assert desk.asked == []
