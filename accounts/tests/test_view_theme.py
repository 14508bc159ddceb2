from __future__ import annotations

import pytest
from django.test import Client

from accounts.tests.helpers import text_of
from accounts.theme import COOKIE

pytestmark = pytest.mark.django_db
THEME = "/accounts/theme/"


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_the_choice_is_remembered_for_a_year_and_shown_at_once(client: Client, chosen: str) -> None:
    response = client.post(THEME, {"theme": chosen, "next": "/accounts/login/"})
    assert response["Location"] == "/accounts/login/"
    morsel = client.cookies[COOKIE]
    assert (morsel.value, morsel["max-age"], morsel["httponly"]) == (chosen, 365 * 24 * 3600, True)
    assert f'data-theme="{chosen}"' in text_of(client.get("/accounts/login/"))


def test_as_the_system_has_it_is_a_choice_too(client: Client) -> None:
    client.post(THEME, {"theme": "dark"})
    client.post(THEME, {"theme": "system"})
    assert "data-theme=" not in text_of(client.get("/accounts/login/"))


@pytest.mark.parametrize("chosen", ["", "pink", "dark\x00", 'dark"><script>', "DARK"])
def test_what_is_no_theme_is_ignored(client: Client, chosen: str) -> None:
    client.post(THEME, {"theme": "dark"})
    response = client.post(THEME, {"theme": chosen})
    assert response.status_code == 302
    assert client.cookies[COOKIE].value == "dark"


@pytest.mark.parametrize("cookie", ["pink", '"><script>alert(1)</script>', ""])
def test_a_cookie_that_holds_no_theme_is_ignored(client: Client, cookie: str) -> None:
    client.cookies[COOKIE] = cookie
    page = text_of(client.get("/accounts/login/"))
    assert "data-theme=" not in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "usage", "/\\evil.example", ""]
)
def test_nobody_is_sent_to_another_site(client: Client, wanted: str) -> None:
    assert client.post(THEME, {"theme": "dark", "next": wanted})["Location"] == "/"


def test_it_does_nothing_but_by_post_and_leads_to_its_page(client: Client) -> None:
    assert client.get(THEME, {"theme": "dark"})["Location"] == "/"
    assert COOKIE not in client.cookies


def test_signed_in_pages_follow_it_as_well(signed_in: Client) -> None:
    signed_in.post(THEME, {"theme": "dark"})
    assert 'data-theme="dark"' in text_of(signed_in.get("/accounts/settings/"))
