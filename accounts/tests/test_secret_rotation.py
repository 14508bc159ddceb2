"""The site's key is exchanged: while the old one is listed, nobody notices; without it, all is over.

Every use of the key stands here; a test finds the modules that use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import known_browsers, login_codes
from accounts.models import ExchangeAccount, User
from accounts.tests.api import person

pytestmark = pytest.mark.django_db
NEW = "another-key-of-the-site-0123456789-abcdefghijklmnop"
Rotate = Callable[..., None]
USES = {
    "accounts/api/tokens.py",
    "accounts/known_browsers.py",
    "accounts/login_codes.py",
    "accounts/models/user.py",
    "accounts/sessions.py",
}


@pytest.fixture
def rotate(settings: Any) -> Rotate:
    """Another key, with those before it listed, or not."""

    def exchange(*, keep: bool, key: str = NEW) -> None:
        kept = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, kept if keep else []

    return exchange


BOTH = pytest.mark.parametrize("keep", [True, False])


@BOTH
def test_a_person_stays_signed_in(keep: bool, signed_in: Client, rotate: Rotate) -> None:
    assert signed_in.get("/accounts/settings/").status_code == 200
    rotate(keep=keep)
    assert signed_in.get("/accounts/settings/").status_code == (200 if keep else 302)


def test_who_came_meanwhile_stays_when_the_old_key_is_gone(signed_in: Client, rotate: Rotate) -> None:
    rotate(keep=True)
    assert signed_in.get("/accounts/settings/").status_code == 200
    rotate(keep=False)  # the new key alone
    assert signed_in.get("/accounts/settings/").status_code == 200


@BOTH
def test_the_apis_cookie_stays_good(keep: bool, account: ExchangeAccount, rotate: Rotate) -> None:
    caller = person(account.user)
    rotate(keep=keep)
    assert caller.get("/profile").status_code == (200 if keep else 401)


@BOTH
def test_a_code_that_was_sent_is_still_good(keep: bool, user: User, rotate: Rotate) -> None:
    now = timezone.now()
    login_codes.keep(user.email, "browser", "482159", now)
    rotate(keep=keep)
    if keep:
        assert login_codes.redeem("browser", "482159", now) == user.email
    else:
        with pytest.raises(login_codes.WrongCodeError):
            login_codes.redeem("browser", "482159", now)


def test_a_wrong_code_is_no_better_for_it(user: User, rotate: Rotate) -> None:
    now = timezone.now()
    login_codes.keep(user.email, "browser", "482159", now)
    rotate(keep=True)
    for left in range(login_codes.TRIES - 1, -1, -1):
        with pytest.raises(login_codes.WrongCodeError) as caught:
            login_codes.redeem("browser", "000000", now)
        assert caught.value.tries_left == left
    with pytest.raises(login_codes.SpentCodeError):
        login_codes.redeem("browser", "482159", now + timedelta(seconds=1))


@BOTH
def test_a_browser_is_still_known(keep: bool, user: User, rotate: Rotate) -> None:
    cookie = remembered(user.email)
    known = known_browser(cookie, user.email)
    assert known
    rotate(keep=keep)
    assert known_browser(cookie, user.email) == (known if keep else "")


def test_a_browser_that_signs_in_again_has_one_mark_for_the_address(user: User, rotate: Rotate) -> None:
    cookie = remembered(user.email)
    known = known_browser(cookie, user.email)
    rotate(keep=True)
    again = remembered(user.email, cookie)
    assert known_browser(again, user.email) == known
    request = RequestFactory().get("/")
    request.COOKIES[known_browsers.COOKIE] = again
    assert len(known_browsers._read(request)["marks"]) == 1
    rotate(keep=False)
    assert known_browser(again, user.email) == known


def remembered(email: str, cookie: str = "") -> str:
    request, response = RequestFactory().get("/"), HttpResponse()
    request.COOKIES[known_browsers.COOKIE] = cookie
    known_browsers.remember(request, response, email)
    return str(response.cookies[known_browsers.COOKIE].value)


def known_browser(cookie: str, email: str) -> str:
    request = RequestFactory().get("/")
    request.COOKIES[known_browsers.COOKIE] = cookie
    return known_browsers.known_browser(request, email)


def test_every_use_of_the_key_is_tried_here() -> None:
    uses = re.compile(r"salted_hmac|\bsigning\b|^import jwt|settings\.SECRET_KEY", re.MULTILINE)
    found = {
        str(path.relative_to(site.BASE_DIR))
        for room in ("accounts", "usage", "catalog", "exchange", "gateway_site")
        for path in (Path(site.BASE_DIR) / room).rglob("*.py")
        if "tests" not in path.parts and uses.search(path.read_text().replace("before signing in", ""))
    }
    # what only looks whether it is set, or makes one for the sandbox, keeps nothing by it
    looks = {
        name for name in found if name.startswith(("gateway_site/checks", "gateway_site/sandbox_settings"))
    }
    assert found - looks == USES
