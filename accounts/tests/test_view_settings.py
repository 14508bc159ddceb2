from __future__ import annotations

import pytest
from django.test import Client

from accounts.factories import make_account, make_exchange, make_user
from accounts.models import ExchangeAccount, Session
from accounts.tests.helpers import CHROME, counted_queries, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
SETTINGS = "/accounts/settings/"


def test_it_shows_who_one_is_here_and_at_the_exchange(client: Client) -> None:
    account = make_account(user=make_user(email="ada@example.com", display_name="Ada"), provider=True)
    ExchangeAccount.objects.update(
        free_granted=50_000, free_used=12_500, provider_description="Llamas, <fresh>."
    )
    client.force_login(account.user)
    page = text_of(client.get(SETTINGS))
    for text in ("ada@example.com", 'value="Ada"', "Consumer", "Provider", "Acme Inference", "75 %"):
        assert text in page
    assert "Llamas, &lt;fresh&gt;." in page
    assert account.exchange.base_url in page


def test_who_is_no_provider_can_become_one(signed_in: Client) -> None:
    assert "Become a provider" in text_of(signed_in.get(SETTINGS))


def test_a_provider_is_not_asked_again(client: Client) -> None:
    client.force_login(make_account(provider=True).user)
    page = text_of(client.get(SETTINGS))
    assert "Become a provider" not in page
    assert "/catalog/services/publish/" in page


def test_only_providers_are_shown_the_way_to_publishing(signed_in: Client) -> None:
    assert "/catalog/services/publish/" not in text_of(signed_in.get(SETTINGS))


def test_who_is_not_registered_yet_reads_so(client: Client) -> None:
    client.force_login(make_account(registered=False).user)
    page = text_of(client.get(SETTINGS))
    assert "You are not registered at the Exchange yet." in page
    assert "Not fetched yet" in page


def test_another_exchange_is_another_account(client: Client) -> None:
    person = make_user()
    make_account(user=person, exchange=make_exchange(base_url="http://other.example"), provider=True)
    client.force_login(person)
    page = text_of(client.get(SETTINGS))
    assert "Acme Inference" not in page
    assert "other.example" not in page


def test_it_lists_the_sessions_with_browser_and_network_the_current_first(client: Client, desk: Desk) -> None:
    sign_in(Client(), HTTP_USER_AGENT="Mozilla/5.0 (Windows) Firefox/133.0", REMOTE_ADDR="192.0.2.7")
    sign_in(client, HTTP_USER_AGENT=CHROME, REMOTE_ADDR="198.51.100.1")
    page = text_of(client.get(SETTINGS))
    page = page[page.index('id="sessions"') : page.index('id="activity"')]
    assert page.index("Chrome on Linux") < page.index("Firefox on Windows")
    assert "192.0.2.7" in page
    assert "198.51.100.1" in page
    assert page.count("This browser") == 1


def test_no_session_key_is_in_the_page(client: Client, desk: Desk) -> None:
    sign_in(Client())
    sign_in(client)
    page = text_of(client.get(SETTINGS))
    keys = Session.objects.values_list("session_key", flat=True)
    assert len(keys) == 2
    assert not [key for key in keys if key in page]


def test_sessions_of_others_are_not_listed(client: Client, desk: Desk) -> None:
    sign_in(Client(), "grace@example.com", REMOTE_ADDR="203.0.113.77")
    sign_in(client, "ada@example.com")
    page = text_of(client.get(SETTINGS))
    assert "203.0.113.77" not in page
    assert "grace" not in page


def test_it_takes_these_queries_however_many_sessions_there_are(client: Client, desk: Desk) -> None:
    for _ in range(4):
        sign_in(Client())
    sign_in(client)
    # 1 the session, 2 the user, 3 the account with its Exchange, 4 the list of sessions,
    # 5 the last events, 6 whether the books differ
    with counted_queries(6):
        client.get(SETTINGS)


def test_it_never_asks_the_exchange(client: Client, desk: Desk) -> None:
    sign_in(client)
    asked = len(desk.asked)
    client.get(SETTINGS)
    assert len(desk.asked) == asked


def test_it_only_reads(signed_in: Client) -> None:
    assert signed_in.post(SETTINGS).status_code == 405
