from __future__ import annotations

import base64
from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts import known_browsers, sessions
from accounts.factories import make_user
from accounts.known_browsers import COOKIE, SALT, known_browser, remember

pytestmark = pytest.mark.django_db
ADA, GRACE = "ada@example.com", "grace@example.com"


def request_with(cookie: str = "") -> HttpRequest:
    request = RequestFactory().get("/")
    if cookie:
        request.COOKIES[COOKIE] = cookie
    return request


def cookie_after(*emails: str, cookie: str = "") -> str:
    """The cookie of a browser that has signed in with these addresses, one after the other."""
    for email in emails:
        response = HttpResponse()
        remember(request_with(cookie), response, email)
        cookie = response.cookies[COOKIE].value
    return cookie


def test_a_browser_is_known_for_the_address_with_which_it_signed_in() -> None:
    cookie = cookie_after(ADA)
    assert known_browser(request_with(cookie), ADA) != ""
    assert known_browser(request_with(cookie), GRACE) == ""


def test_it_keeps_its_identifier() -> None:
    first = known_browser(request_with(cookie_after(ADA)), ADA)
    cookie = cookie_after(GRACE, ADA, cookie=cookie_after(ADA, cookie=""))
    again = known_browser(request_with(cookie), ADA)
    assert known_browser(request_with(cookie), GRACE) == again
    assert again != first, "another browser has another one"
    assert len(again) == 32


def test_the_last_five_addresses_are_remembered() -> None:
    emails = [f"person{number}@example.com" for number in range(6)]
    request = request_with(cookie_after(*emails))
    assert [bool(known_browser(request, email)) for email in emails] == [False, True, True, True, True, True]


@pytest.mark.parametrize(
    "cookie",
    ["", "x", ":::", "a:b:c", "é:\x00", ".eJx:1abc:zzz", "A" * 5000],
    ids=["none", "x", "colons", "parts", "odd", "compressed", "long"],
)
def test_a_forged_cookie_is_no_known_browser(cookie: str) -> None:
    assert known_browser(request_with(cookie), ADA) == ""


def test_a_cookie_that_was_changed_is_no_known_browser() -> None:
    payload, time, signature = cookie_after(ADA).split(":")
    forged = signing.b64_encode(b'{"id":"x","marks":[]}').decode()
    assert known_browser(request_with(f"{forged}:{time}:{signature}"), ADA) == ""
    assert known_browser(request_with(f"{payload}:{time}:{signature[:-1]}"), ADA) == ""


def test_a_value_that_was_signed_for_something_else_is_no_known_browser() -> None:
    genuine = signing.loads(cookie_after(ADA), salt=SALT)
    assert known_browser(request_with(signing.dumps(genuine, salt="another")), ADA) == ""


def test_a_cookie_of_another_site_is_no_known_browser(settings: pytest.FixtureRequest) -> None:
    foreign = cookie_after(ADA)
    settings.SECRET_KEY = "another-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz"
    assert known_browser(request_with(foreign), ADA) == ""


def test_it_expires_after_a_year() -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        cookie = cookie_after(ADA)
        clock.shift(timedelta(days=365))
        assert known_browser(request_with(cookie), ADA) != ""
        clock.shift(timedelta(seconds=1))
        assert known_browser(request_with(cookie), ADA) == ""


def test_no_address_can_be_read_in_it() -> None:
    cookie = cookie_after(ADA, GRACE)
    payload = cookie.split(":")[0]
    readable = cookie + base64.urlsafe_b64decode(payload.strip(".") + "==").decode(errors="replace")
    readable += repr(signing.loads(cookie, salt=SALT))
    # "ada" alone may come up among random hex digits
    for part in ("ada@", "grace", "example", "@"):
        assert part not in readable.lower()


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(settings: pytest.FixtureRequest) -> None:
    settings.SESSION_COOKIE_SECURE = True
    response = HttpResponse()
    remember(request_with(), response, ADA)
    morsel = response.cookies[COOKIE]
    assert (morsel["httponly"], morsel["samesite"], morsel["secure"]) == (True, "Lax", True)
    assert morsel["max-age"] == known_browsers.MAX_AGE


def test_ending_all_other_sessions_makes_every_browser_a_new_one_until_it_signs_in_again() -> None:
    ada = make_user(email=ADA)
    make_user(email=GRACE)
    cookie = cookie_after(ADA, GRACE)
    sessions.end_others(ada, "the current one")
    assert known_browser(request_with(cookie), ADA) == ""
    assert known_browser(request_with(cookie), GRACE) != "", "others are not concerned"
    assert known_browser(request_with(cookie_after(ADA, cookie=cookie)), ADA) != ""


def test_who_is_signed_out_everywhere_has_no_known_browser_left() -> None:
    cookie = cookie_after((ada := make_user(email=ADA)).email)
    sessions.end_all(ada)
    assert known_browser(request_with(cookie), ADA) == ""
