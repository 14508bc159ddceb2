"""The API's cookie: a token that names a session, and is good while that lives, a day at most."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as site
from django.http import HttpResponse
from django.test import Client

from accounts import sessions
from accounts.api import tokens
from accounts.factories import make_account, make_user
from accounts.models import ExchangeAccount, Session, User
from accounts.tests.api import Caller, nobody, person, refusal, told
from accounts.tests.helpers import counted_queries, is_signed_in

pytestmark = pytest.mark.django_db
UNKNOWN = (401, "not_authenticated", None)


def given() -> Morsel[str]:
    response = HttpResponse()
    tokens.give(response, uuid.uuid4())
    return response.cookies[tokens.COOKIE]


def with_cookie(text: str) -> Caller:
    caller = nobody()
    caller.client.cookies[tokens.COOKIE] = text
    return caller


def token_of(caller: Caller) -> str:
    return caller.client.cookies[tokens.COOKIE].value


def session_named(caller: Caller) -> uuid.UUID:
    return uuid.UUID(jwt.decode(token_of(caller), options={"verify_signature": False})["sid"])


def signed(claims: dict[str, Any], *, key: str | None = None, algorithm: str = "HS256") -> str:
    usual = {"aud": tokens.COOKIE, "exp": datetime.now(UTC) + timedelta(hours=1)}
    told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(told, tokens._key(site.SECRET_KEY) if key is None else key, algorithm=algorithm)


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


# how it is set


def test_no_script_and_no_other_site_can_use_it() -> None:
    cookie = given()
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/api/"
    assert cookie["domain"] == ""
    assert cookie["max-age"] == 86400


def test_a_live_site_sends_it_over_https_alone(settings: Any) -> None:
    assert not given()["secure"]
    settings.SESSION_COOKIE_SECURE = True
    assert given()["secure"] is True


def test_it_holds_no_more_than_the_name_of_a_session(account: ExchangeAccount) -> None:
    claims = jwt.decode(token_of(person(account.user)), options={"verify_signature": False})
    assert set(claims) == {"sid", "iat", "exp", "aud"}
    session = Session.objects.get()
    assert claims["sid"] == str(session.public_id) != session.session_key


def test_it_opens_the_api(account: ExchangeAccount) -> None:
    assert told(person(account.user).get("/profile"))["email"] == account.user.email


def test_how_many_queries_it_takes(account: ExchangeAccount) -> None:
    caller = person(account.user)
    # the session with its person; the account with its Exchange
    with counted_queries(2):
        caller.get("/profile")


def test_that_it_is_in_use_is_noted_every_five_minutes(account: ExchangeAccount) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        caller = person(account.user)
        clock.shift(timedelta(minutes=5, seconds=1))
        # the session with its person; that it is in use; the account
        with counted_queries(3):
            caller.get("/profile")
        with counted_queries(2):
            caller.get("/profile")
        assert Session.objects.get().seen_at == datetime(2026, 3, 1, 12, 5, 1, tzinfo=UTC)


# when it ends


def test_it_is_good_for_a_day(account: ExchangeAccount) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        caller = person(account.user)
        text = token_of(caller)
        clock.shift(timedelta(hours=23, minutes=59, seconds=59))
        assert with_cookie(text).get("/profile").status_code == 200
        clock.shift(1)
        assert refusal(with_cookie(text).get("/profile")) == UNKNOWN


def test_using_it_does_not_make_it_last(account: ExchangeAccount) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        caller = person(account.user)
        for _ in range(3):
            clock.shift(timedelta(hours=7))
            assert caller.get("/profile").status_code == 200
        clock.shift(timedelta(hours=3))
        assert refusal(caller.get("/profile")) == UNKNOWN


def test_it_ends_with_its_session_on_the_settings_page(client: Client, account: ExchangeAccount) -> None:
    caller, other = person(account.user), person(account.user)
    client.force_login(account.user)
    client.post(f"/accounts/settings/sessions/{session_named(caller)}/end/")
    assert refusal(caller.get("/profile")) == UNKNOWN
    assert other.get("/profile").status_code == 200


ENDS: dict[str, Callable[[User], object]] = {
    "ended by itself": lambda user: Session.objects.filter(user=user).delete(),
    "all ended": sessions.end_all,
    "all others ended": lambda user: sessions.end_others(user, None),
    "epoch moved while a session is being written": lambda user: User.objects.update(session_epoch=1),
    "made inactive": lambda user: User.objects.update(is_active=False),
    "session run out": lambda user: Session.objects.update(expire_date=datetime.now(UTC)),
    "the person deleted": lambda user: (Session.objects.all().delete(), None),
}


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_with_its_session(how: str) -> None:
    user = make_user()
    caller = person(user)
    assert caller.get("/profile").status_code == 200
    ENDS[how](user)
    assert refusal(caller.get("/profile")) == UNKNOWN


def test_signing_out_ends_it_and_takes_it_back(account: ExchangeAccount) -> None:
    caller, other = person(account.user), person(account.user)
    text = token_of(caller)
    response = caller.post("/auth/logout")
    assert (response.status_code, response.content) == (204, b"")
    assert response.cookies[tokens.COOKIE]["max-age"] == 0
    assert response.cookies[tokens.COOKIE]["path"] == "/api/"
    assert refusal(with_cookie(text).get("/profile")) == UNKNOWN
    assert other.get("/profile").status_code == 200


def test_signing_out_leaves_the_sites_session(client: Client, account: ExchangeAccount) -> None:
    client.force_login(account.user)
    assert person(account.user, client).post("/auth/logout").status_code == 204
    assert is_signed_in(client)


def test_another_secret_of_the_site_ends_all(account: ExchangeAccount, settings: Any) -> None:
    caller = person(account.user)
    settings.SECRET_KEY = "another" * 8
    assert refusal(caller.get("/profile")) == UNKNOWN


def test_a_secret_that_is_kept_for_a_while_still_reads_it(account: ExchangeAccount, settings: Any) -> None:
    caller, before = person(account.user), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 8, [before]
    assert caller.get("/profile").status_code == 200
    assert jwt.decode(
        token_of(person(account.user)), tokens._key("another" * 8), ["HS256"], audience="tgw_api"
    )


# what is no token of ours


def false_ones(public_id: uuid.UUID, good: str) -> dict[str, str]:
    sid = {"sid": str(public_id)}
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    none = part({"alg": "none", "typ": "JWT"})
    return {
        "no algorithm, no signature": f"{none}.{body}.",
        "no algorithm, the old signature": f"{none}.{body}.{signature}",
        "no algorithm in other letters": f"{part({'alg': 'nOnE'})}.{body}.",
        "no signature": f"{head}.{body}.",
        "another algorithm": signed(sid, algorithm="HS512"),
        "the site's secret itself": signed(sid, key=site.SECRET_KEY),
        "an empty key": f"{head}.{body}." + part("")[:43],
        "another audience": signed({**sid, "aud": "tgw_session"}),
        "no audience": signed({**sid, "aud": None}),
        "no end": signed({**sid, "exp": None}),
        "an end that has passed": signed({**sid, "exp": datetime.now(UTC)}),
        "an end that is no number": signed({**sid, "exp": "never"}),
        "issued tomorrow": signed({**sid, "iat": datetime.now(UTC) + timedelta(days=1)}),
        "no session": signed({}),
        "a session that is a number": signed({"sid": 7}),
        "a session that is a list": signed({"sid": [str(public_id)]}),
        "a session that is no name": signed({"sid": "x' OR 1=1"}),
        "a session that is not": signed({"sid": str(uuid.uuid4())}),
        "claims of somebody's making": f"{head}.{part({**claims, 'exp': 2**40})}.{signature}",
        "a key named in the head": f"{part({'alg': 'HS256', 'kid': '../../dev/null'})}.{body}.{signature}",
        "a changed signature": f"{head}.{body}.{signature[:-2]}AA",
        "a head that is a list": f"{part([])}.{body}.{signature}",
        "a head that is deep": f"{base64.urlsafe_b64encode(b'[' * 700).decode()}.e30.x",
        "two parts": f"{head}.{body}",
        "dots": "..",
        "other letters": "é.ü.ø",
        "long": "x" * 7000,
        "long and well formed": signed({**sid, "pad": "x" * 2000}),
    }


@pytest.mark.parametrize("what", false_ones(uuid.uuid4(), signed({"sid": ""})))
def test_it_is_refused_and_no_fault(what: str, account: ExchangeAccount) -> None:
    caller = person(account.user)
    text = false_ones(session_named(caller), token_of(caller))[what]
    for method, path in [("GET", "/profile"), ("POST", "/keys"), ("POST", "/auth/logout")]:
        assert refusal(with_cookie(text).send(method, path)) == UNKNOWN
    assert caller.get("/profile").status_code == 200, "and the good one is good"


def test_only_ours_are_looked_for_in_the_database(account: ExchangeAccount) -> None:
    for what, text in false_ones(uuid.uuid4(), token_of(person(account.user))).items():
        # a token that we signed names a session: that is looked for
        with counted_queries(1 if what == "a session that is not" else 0):
            with_cookie(text).get("/profile")


# the two cookies


def test_the_sites_session_does_not_open_the_api(client: Client, account: ExchangeAccount) -> None:
    client.force_login(account.user)
    assert refusal(Caller(client).get("/profile")) == UNKNOWN
    key = client.cookies["tgw_session"].value
    assert refusal(with_cookie(key).get("/profile")) == UNKNOWN
    assert refusal(with_cookie(signed({"sid": key})).get("/profile")) == UNKNOWN


def test_the_apis_cookie_does_not_open_a_page(account: ExchangeAccount) -> None:
    caller = person(account.user)
    assert not is_signed_in(caller.client)
    client = Client()
    client.cookies["tgw_session"] = token_of(caller)
    assert not is_signed_in(client)
    client.cookies["tgw_session"] = str(session_named(caller))
    assert not is_signed_in(client)


def test_who_is_signed_in_on_the_site_as_another_is_not_mixed_up(client: Client) -> None:
    ada, eve = make_account().user, make_account().user
    client.force_login(eve)
    assert told(person(ada, client).get("/profile"))["email"] == ada.email
