from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Session
from accounts.tests.helpers import is_signed_in, sign_in
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
LOGOUT = "/accounts/logout/"


def test_it_signs_this_browser_out_and_no_other(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    key = client.session.session_key
    response = client.post(LOGOUT)
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert not is_signed_in(client)
    assert not Session.objects.filter(pk=key).exists()
    assert is_signed_in(other)


def test_the_old_cookie_is_worth_nothing_afterwards(client: Client, desk: Desk) -> None:
    sign_in(client)
    cookie = client.cookies["tgw_session"].value
    client.post(LOGOUT)
    client.cookies["tgw_session"] = cookie
    assert not is_signed_in(client)


@pytest.mark.parametrize(("method", "status"), [("get", 302), ("head", 302), ("put", 405), ("delete", 405)])
def test_it_takes_only_a_post(signed_in: Client, method: str, status: int) -> None:
    assert getattr(signed_in, method)(LOGOUT).status_code == status
    assert is_signed_in(signed_in)


def test_who_is_signed_out_already_is_not_sent_through_signing_in(client: Client) -> None:
    assert client.post(LOGOUT)["Location"] == "/accounts/login/"
