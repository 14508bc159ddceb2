"""A session that somebody else knows, or planted, is never the one that is signed in."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Session
from accounts.session_store import SessionStore
from accounts.tests.helpers import VERIFY, ask, is_signed_in, mailed_code, sign_in
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
COOKIE = settings.SESSION_COOKIE_NAME


def test_a_session_planted_before_is_not_signed_in_afterwards(client: Client, desk: Desk) -> None:
    planted = SessionStore()
    planted["anything"] = "of the attacker's"
    planted.save()
    client.cookies[COOKIE] = planted.session_key
    sign_in(client)
    assert client.cookies[COOKIE].value != planted.session_key
    assert not Session.objects.filter(pk=planted.session_key).exists()
    attacker = Client()
    attacker.cookies[COOKIE] = planted.session_key
    assert not is_signed_in(attacker)
    assert is_signed_in(client)


def test_a_key_that_was_made_up_is_never_taken_on(client: Client, desk: Desk) -> None:
    made_up = "a" * 32
    client.cookies[COOKIE] = made_up
    ask(client)
    assert client.cookies[COOKIE].value != made_up
    client.post(VERIFY, {"code": mailed_code()})
    assert not Session.objects.filter(pk=made_up).exists()


def test_nothing_of_the_anonymous_session_comes_along(client: Client, desk: Desk) -> None:
    session = client.session
    session["anything"] = "of the attacker's"
    session.save()
    client.cookies[COOKIE] = session.session_key
    sign_in(client)
    assert set(client.session.keys()) == {"_auth_user_id", "_auth_user_backend", "_auth_user_hash", "facts"}


def test_the_csrf_token_changes_at_sign_in(client: Client, desk: Desk) -> None:
    client.get("/accounts/login/")
    before = client.cookies[settings.CSRF_COOKIE_NAME].value
    sign_in(client)
    assert client.cookies[settings.CSRF_COOKIE_NAME].value != before


def test_signing_in_as_somebody_else_begins_anew(client: Client, desk: Desk) -> None:
    sign_in(client, "ada@example.com")
    first = client.cookies[COOKIE].value
    client.post("/accounts/logout/")
    sign_in(client, "grace@example.com")
    assert client.cookies[COOKIE].value != first
    assert Session.objects.filter(user__isnull=False).count() == 1


def test_the_cookies_are_out_of_reach_for_scripts_and_other_sites(client: Client, desk: Desk) -> None:
    sign_in(client)
    for name in (COOKIE, settings.CSRF_COOKIE_NAME, "tgw_browser"):
        morsel = client.cookies[name]
        assert (morsel["httponly"], morsel["samesite"]) == (True, "Lax"), name
