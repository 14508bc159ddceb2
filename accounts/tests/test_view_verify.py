from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts import known_browsers
from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, Session, SignInAttempt, User
from accounts.tests.helpers import (
    HTMX,
    LOGIN,
    VERIFY,
    ask,
    counted_queries,
    is_signed_in,
    mailed_code,
    sign_in,
    text_of,
    wrong,
)
from accounts.tests.wire import Desk, refusal, user_answer

pytestmark = pytest.mark.django_db


def test_it_shows_to_which_address_the_code_went(client: Client) -> None:
    ask(client)
    response = client.get(VERIFY)
    assert response.status_code == 200
    assert "ada@example.com" in text_of(response)
    assert 'autocomplete="one-time-code"' in text_of(response)


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_code_asked_for_it_goes_back_to_the_first_step(client: Client, method: str) -> None:
    response = getattr(client, method)(VERIFY, {"code": "123456"})
    assert (response.status_code, response["Location"]) == (302, LOGIN)


def test_a_new_person_is_added_registered_and_signed_in(client: Client, desk: Desk) -> None:
    response = sign_in(client, "Ada@Example.com")
    assert (response.status_code, response["Location"]) == (302, "/")
    person = User.objects.get()
    assert (person.email, person.is_staff, person.is_superuser) == ("ada@example.com", False, False)
    assert person.last_login is not None
    assert ExchangeAccount.objects.get().is_registered
    assert desk.asked == [{"email": "ada@example.com", "roles": ["consumer"]}]
    assert is_signed_in(client)


def test_a_known_person_is_the_same_person_again(client: Client, desk: Desk) -> None:
    person = make_user(email="ada@example.com")
    sign_in(client, "ADA@example.com")
    assert client.session["_auth_user_id"] == str(person.pk)
    assert User.objects.count() == 1


def test_with_htmx_the_whole_window_goes_on(client: Client, desk: Desk) -> None:
    response = sign_in(client, wanted="/accounts/settings/", **HTMX)
    assert (response.status_code, response["HX-Redirect"]) == (200, "/accounts/settings/")
    assert "Location" not in response
    assert is_signed_in(client)


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
def test_one_comes_to_the_page_that_was_wanted(client: Client, desk: Desk, extra: dict[str, str]) -> None:
    wanted = client.get("/usage/record/?service=4")["Location"]
    assert wanted == "/accounts/login/?next=/usage/record/%3Fservice%3D4"
    page = text_of(client.get(wanted))
    assert 'value="/usage/record/?service=4"' in page
    response = sign_in(client, wanted="/usage/record/?service=4", **extra)
    assert response.headers.get("Location") or response["HX-Redirect"]
    assert (response.headers.get("Location") or response["HX-Redirect"]) == "/usage/record/?service=4"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "javascript:alert(1)",
        "usage:dashboard",
        "settings",
        "/" + "目" * 1999,
        "/" + "x" * 2100,
    ],
)
def test_nobody_is_sent_to_another_site_or_into_an_error(client: Client, desk: Desk, wanted: str) -> None:
    response = sign_in(client, wanted=wanted)
    assert response.status_code == 302
    assert response["Location"].startswith("/")
    assert "evil" not in response["Location"]
    assert is_signed_in(client)


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
def test_a_wrong_code_says_how_many_tries_are_left(client: Client, extra: dict[str, str]) -> None:
    ask(client)
    digits = wrong(mailed_code())
    said = []
    for _ in range(6):
        response = client.post(VERIFY, {"code": digits}, **extra)
        assert response.status_code == 422
        said.append(response.context["form"].errors["code"][0])
    assert said == [
        "That code is not right. 4 more tries.",
        "That code is not right. 3 more tries.",
        "That code is not right. 2 more tries.",
        "That code is not right. One more try.",
        "That code is not right, and it was the last try. Send another code.",
        "This code can no longer be used. Send another, and enter the newest one.",
    ]
    assert client.post(VERIFY, {"code": mailed_code()}, **extra).status_code == 422
    assert not is_signed_in(client)
    assert not User.objects.exists()


def test_wrong_codes_are_noted_for_the_operator(client: Client) -> None:
    ask(client)
    client.post(VERIFY, {"code": wrong(mailed_code())}, REMOTE_ADDR="192.0.2.9")
    attempt = SignInAttempt.objects.first()
    assert attempt is not None
    assert (attempt.outcome, attempt.network) == (SignInAttempt.Outcome.WRONG, "192.0.2.9")


def test_a_code_with_a_letter_in_it_is_not_counted_as_a_try(client: Client, desk: Desk) -> None:
    ask(client)
    for typed in ("", "12a456", "1" * 5000, "１２３４５６", "\x00"):
        assert client.post(VERIFY, {"code": typed}).status_code == 422
    assert client.post(VERIFY, {"code": mailed_code()}).status_code == 302


def test_it_rejects_an_expired_code(client: Client) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        ask(client)
        clock.shift(timedelta(minutes=10))
        response = client.post(VERIFY, {"code": mailed_code()})
    assert response.status_code == 422
    assert "can no longer be used" in text_of(response)


def test_it_accepts_a_code_a_second_before_it_expires(client: Client, desk: Desk) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        ask(client)
        clock.shift(timedelta(minutes=9, seconds=59))
        assert client.post(VERIFY, {"code": mailed_code()}).status_code == 302


def test_a_code_cannot_be_replayed(client: Client, desk: Desk) -> None:
    sign_in(client)
    code = mailed_code()
    client.post("/accounts/logout/")
    assert client.post(VERIFY, {"code": code})["Location"] == LOGIN
    ask(client)
    if mailed_code() != code:
        assert client.post(VERIFY, {"code": code}).status_code == 422


def test_a_code_of_one_browser_does_not_work_in_another(client: Client) -> None:
    other = Client()
    ask(client)
    code = mailed_code()
    assert other.post(VERIFY, {"code": code})["Location"] == LOGIN
    ask(other, "eve@example.com")
    if mailed_code() != code:
        assert other.post(VERIFY, {"code": code}).status_code == 422
    assert not is_signed_in(other)


def test_who_was_made_inactive_after_the_code_was_sent_does_not_get_in(client: Client) -> None:
    person = make_user(email="ada@example.com")
    ask(client)
    User.objects.filter(pk=person.pk).update(is_active=False)
    response = client.post(VERIFY, {"code": mailed_code()})
    assert response.status_code == 422
    assert not is_signed_in(client)


def test_the_browser_is_known_from_then_on(client: Client, desk: Desk) -> None:
    sign_in(client)
    assert known_browsers.COOKIE in client.cookies
    client.post("/accounts/logout/")
    ask(client)
    assert SignInAttempt.objects.all()[0].browser != ""
    ask(client, "grace@example.com")
    assert SignInAttempt.objects.all()[0].browser == "", "but not for another address"


def test_signing_in_takes_these_queries(client: Client, desk: Desk) -> None:
    make_account(user=make_user(email="ada@example.com"))
    ask(client)
    # 1 the session, 2 the code, 3 count the try, 4 use the code, 5 may this user sign in, 6 the user,
    # 7 sweep expired sessions, 8-9 find and end the anonymous session, 10 is the new key taken,
    # 11 begin the session, 12 last_login, 13 the attempt, 14 the audit event, 15 the account at the Exchange,
    # 16 the Exchange answered, 17 keep the registration, 18 the mark of the known browser,
    # 19 save the session
    with counted_queries(19):
        client.post(VERIFY, {"code": mailed_code()})


def test_when_the_exchange_is_down_a_known_account_signs_in(client: Client, desk: Desk) -> None:
    desk.close()
    make_account(user=make_user(email="ada@example.com"))
    response = sign_in(client)
    assert response["Location"] == "/"
    page = text_of(client.get("/accounts/settings/"))
    assert "not registered at the Exchange yet" not in page


def test_when_the_exchange_is_down_a_new_one_signs_in_and_is_told(client: Client, desk: Desk) -> None:
    desk.close()
    assert sign_in(client)["Location"] == "/"
    assert not ExchangeAccount.objects.get().is_registered
    assert "not registered at the Exchange yet" in text_of(client.get("/accounts/settings/"))
    desk.open()
    response = client.post("/accounts/settings/refresh/", follow=True)
    assert "The Exchange has answered: your account is up to date." in text_of(response)
    assert ExchangeAccount.objects.get().is_registered
    assert "not registered at the Exchange yet" not in text_of(response)


def test_who_is_refused_by_the_exchange_signs_in_and_reads_the_rules(client: Client, desk: Desk) -> None:
    desk.say(400, refusal())
    assert sign_in(client)["Location"] == "/"
    page = text_of(client.get("/accounts/settings/"))
    assert "NAME_FORBIDDEN: A provider&#x27;s name must not claim to be official." in page
    assert "REGION_BLOCKED" in page


def test_an_answer_that_cannot_be_right_keeps_nobody_out_and_is_told(client: Client, desk: Desk) -> None:
    desk.say(201, user_answer("eve@example.com"))
    assert sign_in(client)["Location"] == "/"
    assert "with the account of another address" in text_of(client.get("/accounts/settings/"))
    assert not ExchangeAccount.objects.get().is_registered


def test_who_is_signed_in_already_goes_on(signed_in: Client) -> None:
    assert signed_in.get(VERIFY)["Location"] == "/"
    assert signed_in.post(VERIFY, {"code": "123456"}, **HTMX)["HX-Redirect"] == "/"


def test_the_session_is_listed_with_browser_and_network(client: Client, desk: Desk) -> None:
    sign_in(client, HTTP_USER_AGENT="Mozilla/5.0 (Windows) Firefox/133.0", REMOTE_ADDR="192.0.2.7")
    session = Session.objects.get(user__isnull=False)
    assert (session.label, session.network) == ("Firefox on Windows", "192.0.2.7")
    assert len(mail.outbox) == 1
