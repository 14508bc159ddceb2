from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import SignInAttempt, SignInCode, User
from accounts.tests.helpers import (
    CHROME,
    HTMX,
    LOGIN,
    VERIFY,
    ask,
    code_in,
    counted_queries,
    mailed_code,
    sign_in,
    text_of,
    wrong,
)
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db


def test_it_asks_for_the_address(client: Client) -> None:
    response = client.get(LOGIN)
    assert response.status_code == 200
    assert response.templates[0].name == "accounts/login.html"
    assert 'name="email"' in text_of(response)
    assert "password" not in text_of(response).replace("There is no password to remember", "")


def test_the_page_is_not_kept_by_caches(client: Client) -> None:
    assert "no-store" in client.get(LOGIN)["Cache-Control"]
    ask(client)
    assert "no-store" in client.get(VERIFY)["Cache-Control"]


def test_the_page_takes_no_query(client: Client) -> None:
    with counted_queries(0):
        client.get(LOGIN)


def test_it_sends_a_code_and_goes_on_to_the_next_step(client: Client) -> None:
    response = ask(client)
    assert (response.status_code, response["Location"]) == (302, VERIFY)
    assert len(mail.outbox) == 1
    assert len(mailed_code()) == 6


def test_asking_takes_these_queries(client: Client) -> None:
    # 1 forget attempts of ninety days ago, 2 enter this attempt, 3 has the address signed in from here,
    # 4-9 one count for each of the six limits, 10 the user, 11 wrong codes of the last day,
    # 12 forget codes of yesterday, 13 the code of this browser, 14 keep the new one, 15 close the attempt,
    # 16 the audit event, 17 is the new session's key taken, 18 begin the session
    with counted_queries(18):
        ask(client)


def test_the_mail_has_a_text_and_an_html_part_with_the_same_code(client: Client) -> None:
    ask(client, "Ada@Example.com", HTTP_USER_AGENT=CHROME, REMOTE_ADDR="192.0.2.7")
    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject == "Your sign-in code for Tokligence Gateway"
    ((html, kind),) = message.alternatives
    assert kind == "text/html"
    shown = f"{mailed_code()[:3]} {mailed_code()[3:]}"
    for part in (str(message.body), html):
        assert part.count(shown) == 1
        assert "10 minutes" in part
        assert "192.0.2.7 with Chrome on Linux" in part
        assert "http://testserver/" in part


def test_the_code_is_on_no_page_and_in_no_header(client: Client) -> None:
    response = ask(client, **HTMX)
    digits = mailed_code()
    pages = text_of(response) + repr(response.headers) + text_of(client.get(VERIFY))
    assert digits not in pages
    assert f"{digits[:3]} {digits[3:]}" not in pages


def test_with_htmx_the_next_step_comes_as_a_partial(client: Client) -> None:
    response = ask(client, **HTMX)
    assert response.status_code == 200
    assert response["HX-Push-Url"] == VERIFY
    assert "<html" not in text_of(response)
    assert 'name="code"' in text_of(response)


def test_with_htmx_the_first_step_comes_as_a_partial(client: Client) -> None:
    response = client.get(LOGIN, **HTMX)
    assert "<html" not in text_of(response)
    assert 'name="email"' in text_of(response)
    assert "HX-Request" in response["Vary"]


def test_a_page_that_htmx_restores_from_history_comes_whole(client: Client) -> None:
    response = client.get(LOGIN, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<html" in text_of(response)


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
def test_an_address_that_is_none_is_shown_again_with_what_is_wrong(
    client: Client, extra: dict[str, str]
) -> None:
    response = ask(client, "ada at example", wanted="/usage/record/", **extra)
    assert response.status_code == 422
    assert "ada at example" in text_of(response)
    assert "Enter a valid email address." in text_of(response)
    assert "/usage/record/" in text_of(response), "and the way back is kept"
    assert mail.outbox == []
    assert not SignInAttempt.objects.exists()


def test_who_is_signed_in_goes_where_they_wanted(signed_in: Client) -> None:
    assert signed_in.get(LOGIN)["Location"] == "/"
    assert signed_in.get(LOGIN, {"next": "/accounts/settings/"})["Location"] == "/accounts/settings/"
    assert signed_in.get(LOGIN, {"next": "https://evil.example/"})["Location"] == "/"
    assert signed_in.get(LOGIN, {"next": "usage"})["Location"] == "/"


def test_who_is_signed_in_is_not_swapped_into_the_gate_by_htmx(signed_in: Client) -> None:
    response = signed_in.get(LOGIN, **HTMX)
    assert (response.status_code, response["HX-Redirect"]) == (200, "/")


def test_asking_makes_nobody_a_user(client: Client) -> None:
    ask(client, "new@example.com")
    assert not User.objects.exists()


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize("sign_up", ["open", "closed"])
def test_the_same_address_again_within_a_minute_keeps_the_code_that_was_sent(
    client: Client, configure: Callable[..., None], desk: Desk, sign_up: str, extra: dict[str, str]
) -> None:
    configure(sign_up=sign_up)
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        first = ask(client, **extra)
        clock.shift(59)
        again = ask(client, " ADA@example.com", wanted="/usage/record/", **extra)
        assert again.status_code == first.status_code
        assert client.get(VERIFY).context["resend_in"] == 1
        assert (len(mail.outbox), SignInAttempt.objects.count()) == (1, 1)
        if sign_up == "open":
            entered = Client()
            entered.cookies = client.cookies
            response = entered.post(VERIFY, {"code": mailed_code()})
            assert response["Location"] == "/usage/record/", "where it was wanted to go the last time"
            return
        clock.shift(1)
        ask(client, **extra)
        assert len(mail.outbox) == 2


def test_a_second_address_in_the_same_browser_replaces_the_first(client: Client) -> None:
    ask(client, "ada@example.com")
    ask(client, "grace@example.com")
    assert SignInCode.objects.get().email == "grace@example.com"
    assert "grace@example.com" in text_of(client.get(VERIFY))


def test_the_operator_sees_what_was_asked(client: Client) -> None:
    ask(client, REMOTE_ADDR="2001:db8:1:2::5")
    attempt = SignInAttempt.objects.get()
    assert (attempt.email, attempt.network) == ("ada@example.com", "2001:db8:1:2::/64")
    assert attempt.outcome == SignInAttempt.Outcome.SENT
    assert attempt.browser == ""


def guess(email: str) -> None:
    """So many wrong codes as make the site careful."""
    for _ in range(20):
        SignInAttempt.objects.create(
            email=email, network="x", at=timezone.now(), outcome=SignInAttempt.Outcome.WRONG
        )


def test_while_an_address_is_being_guessed_its_codes_are_longer(client: Client, desk: Desk) -> None:
    guess("ada@example.com")
    ask(client)
    assert len(mailed_code()) == 8
    assert client.post(VERIFY, {"code": mailed_code()}).status_code == 302
    ask(Client(), "grace@example.com")
    assert len(mailed_code()) == 6


def test_a_known_browser_that_guesses_gets_longer_codes_too(client: Client, desk: Desk) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        sign_in(client)
        client.post("/accounts/logout/")
        for _ in range(4):
            clock.shift(timedelta(minutes=16))
            ask(client)
            assert len(mailed_code()) == 6
            for _ in range(5):
                client.post(VERIFY, {"code": wrong(mailed_code())})
        clock.shift(timedelta(minutes=16))
        ask(client)
        assert len(mailed_code()) == 8
        ask(Client())
        assert len(mailed_code()) == 6, "which lengthens nobody else's"


def test_the_browser_of_the_person_gets_six_digits_meanwhile(client: Client, desk: Desk) -> None:
    sign_in(client)
    client.post("/accounts/logout/")
    guess("ada@example.com")
    ask(client)
    assert len(mailed_code()) == 6


@pytest.mark.parametrize(
    ("sign_up", "note"),
    [
        ("open", None),
        ("closed", "Only people whom the operator has added can sign in here."),
        ("@example.com", "Anybody with an address at example.com can sign in here."),
    ],
)
def test_the_page_says_who_may_sign_in(
    client: Client, configure: Callable[..., None], sign_up: str, note: str | None
) -> None:
    configure(sign_up=sign_up)
    page = text_of(client.get(LOGIN))
    assert (note in page) if note else ("can sign in here" not in page)


def test_codes_in_two_browsers_are_independent(client: Client, desk: Desk) -> None:
    ask(client)
    ask(Client())
    assert client.post(VERIFY, {"code": code_in(str(mail.outbox[0].body))}).status_code == 302
