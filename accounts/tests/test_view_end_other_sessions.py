from __future__ import annotations

import pytest
from django.test import Client

from accounts.tests.helpers import is_signed_in, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
END_OTHERS = "/accounts/settings/sessions/end-others/"


@pytest.mark.parametrize(
    ("others", "said"),
    [(1, "Signed out in one other browser."), (3, "Signed out in 3 other browsers.")],
)
def test_all_but_the_current_one_are_ended(client: Client, desk: Desk, others: int, said: str) -> None:
    browsers = [Client() for _ in range(others)]
    stranger = Client()
    sign_in(stranger, "grace@example.com")
    for browser in [*browsers, client]:
        sign_in(browser)
    assert said in text_of(client.post(END_OTHERS, follow=True))
    assert is_signed_in(client)
    assert not any(is_signed_in(browser) for browser in browsers)
    assert is_signed_in(stranger)


def test_where_there_is_no_other_nothing_is_ended(client: Client, desk: Desk) -> None:
    sign_in(client)
    response = client.post(END_OTHERS, follow=True)
    assert "Signed out in 0 other browsers." in text_of(response)
    assert is_signed_in(client)


def test_it_does_nothing_but_by_post_and_leads_to_its_page(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    assert client.get(END_OTHERS)["Location"] == "/accounts/settings/"
    assert is_signed_in(other)
