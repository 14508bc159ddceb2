"""auth/login and auth/verify: a challenge, a code that goes by email alone, a session of the API's own."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api import tokens
from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, Session, SignInAttempt, SignInCode, User
from accounts.tests.api import Caller, nobody, refusal, told
from accounts.tests.helpers import LOGIN, counted_queries, is_signed_in, mailed_code, wrong
from accounts.tests.helpers import sign_in as sign_in_on_the_page
from accounts.tests.test_mail_failure import BROKEN
from accounts.tests.wire import Desk, user_answer

pytestmark = pytest.mark.django_db
ADA = "ada@example.com"
KNOWN, STAFF, INACTIVE, UNKNOWN = (
    f"{name}@example.com" for name in ("known", "staff", "inactive", "unknown")
)
HERE, THERE = {"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": "198.51.100.9"}


def challenge(caller: Caller, email: str = ADA, **extra: str) -> str:
    response = caller.post("/auth/login", {"email": email}, **extra)
    assert response.status_code == 200, response.content
    return str(told(response)["challenge"])


def verify(caller: Caller, challenge: str, code: str, **extra: str) -> HttpResponse:
    return caller.post("/auth/verify", {"challenge": challenge, "code": code}, **extra)


def sign_in(caller: Caller, email: str = ADA, **extra: str) -> HttpResponse:
    asked = challenge(caller, email, **extra)
    return verify(caller, asked, mailed_code(), **extra)


def everything_in(response: HttpResponse) -> str:
    """Body, headers and cookies."""
    return f"{response.content.decode()} {dict(response.items())} {response.cookies.output()}"


# asking for a code


@time_machine.travel("2026-03-01T12:00:00Z", tick=False)
def test_it_answers_with_a_challenge_and_mails_the_code() -> None:
    response = nobody().post("/auth/login", {"email": "Ada@Example.com "})
    assert response.status_code == 200
    assert set(told(response)) == {"challenge", "expires_at"}
    assert told(response)["expires_at"] == "2026-03-01T12:10:00Z"
    assert len(told(response)["challenge"]) >= 43, "256 bits"
    assert [message.to for message in mail.outbox] == [[ADA]]


def test_the_code_is_in_no_answer_no_header_and_no_log(
    desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    caller = nobody()
    asked = caller.post("/auth/login", {"email": ADA})
    code = mailed_code()
    with_a_space = f"{code[:3]} {code[3:]}"
    refused = verify(caller, told(asked)["challenge"], wrong(code))
    signed_in = verify(caller, told(asked)["challenge"], code)
    assert signed_in.status_code == 200
    said = "".join(map(everything_in, (asked, refused, signed_in)))
    captured = capsys.readouterr()
    logged = caplog.text + captured.out + captured.err
    assert "signed_in" in logged, "the log was looked at"
    for text in (code, with_a_space, told(asked)["challenge"]):
        assert text not in logged
    assert code not in said
    assert with_a_space not in said
    assert SignInCode.objects.get().code_hash not in said


def test_asking_sets_no_cookie() -> None:
    assert nobody().post("/auth/login", {"email": ADA}).cookies.output() == ""


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "ada@localhost", "a b@example.com", "ada@example.com\0"]
)
def test_what_is_no_address_is_named(email: str) -> None:
    assert refusal(nobody().post("/auth/login", {"email": email})) == (422, "invalid", "email")
    assert not mail.outbox


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": 7}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"email": ADA, "code": "123456"}, "code"),
    ],
)
def test_what_is_wrong_with_the_body_is_named(body: object, field: str) -> None:
    assert refusal(nobody().post("/auth/login", body)) == (422, "invalid", field)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/verify"])
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"]
)
def test_no_form_of_another_site_can_ask_or_sign_in(path: str, content_type: str) -> None:
    response = nobody().post(path, b'{"email": "ada@example.com"}', content_type=content_type)
    assert refusal(response)[:2] == (415, "unsupported_media_type")
    assert not mail.outbox


def test_a_mail_that_cannot_be_sent_is_a_503(settings: pytest.FixtureRequest) -> None:
    settings.EMAIL_BACKEND = BROKEN
    response = nobody().post("/auth/login", {"email": ADA})
    assert refusal(response)[:2] == (503, "mail_not_sent")
    assert response["Retry-After"] == "60"


# nobody learns who has an account


@pytest.fixture
def _people(configure: Callable[..., None]) -> Iterator[None]:
    configure(sign_up="closed")
    make_account(user=make_user(email=KNOWN), provider=True)
    make_user(email=STAFF, staff=True)
    make_user(email=INACTIVE, active=False)
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        yield


def seen(response: HttpResponse, email: str) -> tuple[int, str, dict[str, str], str]:
    body = response.content.decode().replace(email, "ADDRESS")
    body = re.sub(r'("(?:challenge|request_id)":")[^"]+', r"\1TOKEN", body)
    apart = ("X-Request-ID", "Content-Security-Policy")
    headers = {name: value for name, value in response.items() if name not in apart}
    headers["Vary"] = ", ".join(sorted(headers["Vary"].split(", ")))
    return response.status_code, body, headers, response.cookies.output()


def the_whole_way(email: str) -> list[tuple[int, str, dict[str, str], str]]:
    """All that somebody who has no access to the mailbox can try."""
    caller = nobody()
    answers = [caller.post("/auth/login", {"email": email})]
    asked = told(answers[0])["challenge"]
    answers += [verify(caller, asked, "000000") for _ in range(7)]
    answers += [nobody().post("/auth/login", {"email": email}) for _ in range(6)]
    assert answers[1].status_code == 422
    assert answers[-1].status_code == 429
    return [seen(answer, email) for answer in answers]


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("email", [STAFF, INACTIVE, UNKNOWN])
def test_the_answers_are_the_same_for_every_address(email: str) -> None:
    assert the_whole_way(email) == the_whole_way(KNOWN)


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("email", [STAFF, INACTIVE, UNKNOWN])
def test_the_work_is_the_same_for_every_address(email: str) -> None:
    def statements(email: str) -> list[str]:
        caller = nobody()
        with CaptureQueriesContext(connection) as context:
            asked = challenge(caller, email)
            verify(caller, asked, "000000")
            verify(caller, asked, "000001")
        return [re.sub(r"['\d].*", "", query["sql"], flags=re.DOTALL) for query in context.captured_queries]

    mine = statements(email)
    assert mine == statements(KNOWN)
    assert len(mine) > 10


@pytest.mark.usefixtures("_people")
def test_each_address_gets_one_mail() -> None:
    for email in (KNOWN, STAFF, INACTIVE, UNKNOWN):
        challenge(nobody(), email)
    assert [message.to for message in mail.outbox] == [[KNOWN], [STAFF], [INACTIVE], [UNKNOWN]]
    with pytest.raises(AssertionError):
        mailed_code(-1)


def test_closed_sign_up_makes_nobody(desk: Desk, configure: Callable[..., None]) -> None:
    asked = challenge(nobody(), "new@example.com")
    code = mailed_code()
    configure(sign_up="closed")  # between asking and entering
    assert refusal(verify(nobody(), asked, code)) == (422, "spent_code", "code")
    assert not User.objects.exists()


# the code is good once, for ten minutes, for five tries, with its own challenge


def test_the_code_lets_in_who_has_the_challenge(desk: Desk) -> None:
    response = sign_in(nobody())
    assert response.status_code == 200
    document = told(response)
    assert (document["email"], document["registered"], document["roles"]) == (ADA, True, ["consumer"])
    assert document["free_tokens"] == {"granted": 50_000, "used": 12_500, "left": 37_500}
    assert document["csrf_token"]
    assert desk.asked == [{"email": ADA, "roles": ["consumer"]}]
    assert User.objects.get().email == ADA


@pytest.mark.parametrize("shape", ["{0} {1}", "{0}-{1}", " {0}\u00a0{1} "])
def test_the_code_may_be_written_as_the_mail_shows_it(desk: Desk, shape: str) -> None:
    caller = nobody()
    asked, code = challenge(caller), mailed_code()
    assert verify(caller, asked, shape.format(code[:3], code[3:])).status_code == 200


def test_it_opens_with_no_other_challenge(desk: Desk) -> None:
    mine, theirs = challenge(nobody()), challenge(nobody(), "eve@example.com")
    adas = mailed_code(0)
    assert refusal(verify(nobody(), theirs, adas)) == (422, "wrong_code", "code")
    assert refusal(verify(nobody(), "x" * 43, adas)) == (422, "spent_code", "code")
    assert not Session.objects.exists()
    assert verify(nobody(), mine, adas).status_code == 200


def test_a_second_challenge_of_the_same_address_has_a_code_of_its_own(desk: Desk) -> None:
    first, second = challenge(nobody()), challenge(nobody())
    assert first != second
    assert refusal(verify(nobody(), second, mailed_code(0)))[1] == "wrong_code"
    assert verify(nobody(), first, mailed_code(0)).status_code == 200


def test_a_code_that_was_used_is_spent(desk: Desk) -> None:
    caller = nobody()
    asked, code = challenge(caller), mailed_code()
    assert verify(caller, asked, code).status_code == 200
    again = verify(nobody(), asked, code)
    assert refusal(again) == (422, "spent_code", "code")
    assert tokens.COOKIE not in again.cookies


def test_ten_minutes_end_it(desk: Desk) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        asked, code = challenge(nobody()), mailed_code()
        clock.shift(timedelta(minutes=10))
        assert refusal(verify(nobody(), asked, code)) == (422, "spent_code", "code")
        asked, code = challenge(nobody()), mailed_code()
        clock.shift(timedelta(minutes=9, seconds=59))
        assert verify(nobody(), asked, code).status_code == 200


def test_five_wrong_tries_end_it_and_each_says_how_many_are_left() -> None:
    asked, code = challenge(nobody()), mailed_code()
    for left in (4, 3, 2, 1, 0):
        response = verify(nobody(), asked, wrong(code))
        assert refusal(response) == (422, "wrong_code", "code")
        assert f"Tries left: {left}" in told(response)["error"]["message"]
    assert refusal(verify(nobody(), asked, code)) == (422, "spent_code", "code")
    assert SignInAttempt.objects.filter(outcome="wrong", email=ADA).count() == 5


def test_a_challenge_opens_nothing_on_the_sign_in_page_and_the_pages_code_nothing_here(
    client: Client,
) -> None:
    client.post(LOGIN, {"email": ADA})
    token = client.session["sign_in"]["token"]
    assert refusal(verify(nobody(), "y" * 43, mailed_code()))[1] == "spent_code"
    challenge(nobody())
    assert client.post("/accounts/verify/", {"code": mailed_code()}).status_code != 302
    assert token not in client.cookies["tgw_session"].value


# limits, which the page and the API share


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        for _ in range(5):
            challenge(nobody(), **HERE)
        clock.shift(timedelta(minutes=3, seconds=30))
        response = nobody().post("/auth/login", {"email": ADA}, **HERE)
        assert refusal(response) == (429, "too_many_codes", None)
        assert response["Retry-After"] == str(11 * 60 + 30)
        assert len(mail.outbox) == 5
        clock.shift(int(response["Retry-After"]))
        challenge(nobody(), **HERE)


def test_the_page_and_the_api_count_together() -> None:
    for _ in range(3):
        challenge(nobody(), **HERE)
    for _ in range(2):
        assert Client().post(LOGIN, {"email": ADA}, **HERE).status_code == 302
    assert nobody().post("/auth/login", {"email": ADA}, **HERE).status_code == 429
    assert Client().post(LOGIN, {"email": ADA}, **HERE).status_code == 429
    challenge(nobody(), **THERE)


def test_a_network_is_not_believed_from_a_header() -> None:
    for number in range(5):
        challenge(nobody(), **HERE, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    forged = nobody().post("/auth/login", {"email": ADA}, **HERE, HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert forged.status_code == 429


# the Exchange


def test_an_exchange_that_is_away_keeps_nobody_out(desk: Desk) -> None:
    desk.close()
    response = sign_in(nobody())
    assert response.status_code == 200
    assert (told(response)["registered"], told(response)["free_tokens"]) == (False, None)
    assert told(response)["exchange"]["state"] == "unreachable"
    assert tokens.COOKIE in response.cookies
    assert not ExchangeAccount.objects.get().is_registered


def test_a_known_account_stays_what_it_was_while_the_exchange_is_away(desk: Desk) -> None:
    account = make_account(user=make_user(email=ADA), provider=True)
    desk.close()
    document = told(sign_in(nobody()))
    assert (document["registered"], document["user_id"]) == (True, account.exchange_user_id)
    assert document["provider"]["id"] == account.provider_id


def test_an_answer_about_somebody_else_is_not_believed(desk: Desk) -> None:
    desk.say(200, user_answer("eve@example.com"))
    document = told(sign_in(nobody()))
    assert (document["email"], document["registered"]) == (ADA, False)


# the browser's other session


def test_a_session_of_the_site_in_the_same_browser_stays_as_it_is(client: Client, desk: Desk) -> None:
    sign_in_on_the_page(client, "grace@example.com")
    before = client.cookies["tgw_session"].value
    response = sign_in(Caller(client))
    assert response.status_code == 200
    assert "tgw_session" not in response.cookies
    assert client.cookies["tgw_session"].value == before
    assert is_signed_in(client)
    assert client.session["_auth_user_id"] == str(User.objects.get(email="grace@example.com").pk)


def test_it_opens_no_page(client: Client, desk: Desk) -> None:
    sign_in(Caller(client))
    assert "tgw_session" not in client.cookies
    assert not is_signed_in(client)


def test_a_planted_cookie_is_worth_nothing_after_the_sign_in(desk: Desk) -> None:
    attacker = nobody()
    planted = sign_in(attacker, "eve@example.com").cookies[tokens.COOKIE].value
    victim = nobody()
    victim.client.cookies[tokens.COOKIE] = planted
    response = sign_in(victim)
    assert response.cookies[tokens.COOKIE].value != planted
    assert told(victim.get("/profile"))["email"] == ADA
    assert told(attacker.get("/profile"))["email"] == "eve@example.com"


def test_a_planted_csrf_token_is_worth_nothing_after_the_sign_in(desk: Desk) -> None:
    victim = nobody()
    victim.client.cookies["tgw_csrf"] = planted = "e" * 32
    document = told(sign_in(victim))
    assert victim.client.cookies["tgw_csrf"].value != planted
    victim.headers = {"X-CSRFToken": planted}
    assert refusal(victim.post("/keys", {"label": "x"})) == (403, "csrf", None)
    victim.headers = {"X-CSRFToken": document["csrf_token"]}
    assert victim.post("/keys", {"label": "x"}).status_code == 201


def test_its_session_is_listed_on_the_settings_page_as_the_apis(desk: Desk) -> None:
    sign_in(nobody(), HTTP_USER_AGENT="curl/8.5.0")
    session = Session.objects.get()
    assert session.label == "API (Unknown browser)"
    assert session.expire_date - datetime.now(tz=session.expire_date.tzinfo) <= timedelta(hours=24)


# what it costs


def test_how_many_queries_asking_takes() -> None:
    make_account(user=make_user(email=ADA))
    # old attempts are forgotten; the attempt is entered; has the address signed in from this network; six
    # limits are counted; may the address sign in; is it being guessed; old codes are forgotten; the code of
    # this challenge is looked for and put in; the attempt is closed; the audit event
    with counted_queries(16):
        challenge(nobody())


def test_how_many_queries_signing_in_takes(desk: Desk) -> None:
    make_account(user=make_user(email=ADA))
    asked, code = challenge(nobody()), mailed_code()
    # the code's address, the code, the try counted, the code used; may the person sign in, the person; old
    # sessions are forgotten, the new one's key is free, it is put in, the last sign-in noted, the session
    # kept with its owner; the attempt noted, the audit event; the account, how the Exchange did, what it
    # told, the account
    with counted_queries(17):
        verify(nobody(), asked, code)
