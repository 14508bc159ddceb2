"""A change by the API's cookie needs the token that no other site can read; a key needs none, and decides."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from accounts.tests.api import CSRF, Caller, bearer, nobody, person, program, refusal, told
from accounts.tests.helpers import mailed_code
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
CHANGES = [
    ("POST", "/keys", {"label": "Night batch"}),
    ("PATCH", "/keys/{key}", {"label": "Other"}),
    ("DELETE", "/keys/{key}", None),
    ("POST", "/keys/{key}/rotate", {}),
    ("POST", "/services", {"name": "a", "model_family": "b", "price_per_1k_tokens": 1}),
    ("PATCH", "/services/1", {"trial_tokens": 1}),
    ("POST", "/usage", {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 0, "direction": "consume"}),
    ("POST", "/auth/logout", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("token", [None, "", "d" * 32, CSRF[:-1], "x" * 5000])
def test_without_the_token_nothing_is_changed(
    account: ExchangeAccount, method: str, path: str, body: Any, token: str | None
) -> None:
    key = program(account.user).key
    assert key is not None
    caller = person(account.user)
    caller.headers = {} if token is None else {"X-CSRFToken": token}
    response = caller.send(method, path.format(key=key.pk), body)
    assert refusal(response) == (403, "csrf", None)
    assert ApiKey.objects.filter(label="Agent", revoked_at=None).count() == 1
    assert ApiKey.objects.get().secrets.count() == 1
    assert caller.get("/profile").status_code == 200, "reading needs none"


def test_without_the_tokens_cookie_nothing_is_changed(account: ExchangeAccount) -> None:
    caller = person(account.user)
    del caller.client.cookies["tgw_csrf"]
    assert refusal(caller.post("/keys", {"label": "x"})) == (403, "csrf", None)


def test_a_token_in_the_body_is_none(account: ExchangeAccount) -> None:
    caller = person(account.user)
    caller.headers = {}
    told = {"label": "x", "csrfmiddlewaretoken": CSRF}
    assert refusal(caller.post("/keys", told)) == (403, "csrf", None)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_a_form_is_refused_before_it_is_read(account: ExchangeAccount, content_type: str) -> None:
    caller = person(account.user)
    response = caller.post("/keys", f"csrfmiddlewaretoken={CSRF}&label=x".encode(), content_type=content_type)
    assert refusal(response) == (415, "unsupported_media_type", "Content-Type")
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("length", ["abc", "-1", "1e3"])
def test_a_length_that_is_none_is_no_fault(account: ExchangeAccount, length: str) -> None:
    caller = person(account.user)
    for content_type in ("application/json", "multipart/form-data; boundary=b"):
        response = caller.post("/keys", b"{}", content_type=content_type, CONTENT_LENGTH=length)
        assert response.status_code in (400, 415, 422)


def test_on_a_live_site_another_origin_is_refused_with_the_token_too(
    account: ExchangeAccount, settings: Any
) -> None:
    caller = person(account.user)
    other = caller.post("/keys", {"label": "x"}, secure=True, HTTP_ORIGIN="https://evil.example")
    assert refusal(other) == (403, "csrf", None)
    none = caller.post("/keys", {"label": "x"}, secure=True)
    assert refusal(none) == (403, "csrf", None), "neither Origin nor Referer"
    own = caller.post("/keys", {"label": "x"}, secure=True, HTTP_ORIGIN="https://testserver")
    assert own.status_code == 201


def test_only_verify_tells_the_token(account: ExchangeAccount) -> None:
    response = person(account.user).get("/profile")
    assert "csrf" not in response.content.decode()
    assert "tgw_csrf" not in response.cookies


def test_the_token_that_verify_tells_is_the_one(desk: Desk) -> None:
    caller = nobody()
    asked = told(caller.post("/auth/login", {"email": "ada@example.com"}))["challenge"]
    signed_in = told(caller.post("/auth/verify", {"challenge": asked, "code": mailed_code()}))
    assert refusal(caller.post("/keys", {"label": "x"})) == (403, "csrf", None)
    caller.headers = {"X-CSRFToken": signed_in["csrf_token"]}
    assert caller.post("/keys", {"label": "x"}).status_code == 201


def test_a_key_needs_none(account: ExchangeAccount) -> None:
    entry = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 0, "direction": "consume"}
    assert program(account.user).post("/usage", entry).status_code == 201


def test_no_other_origin_is_let_in() -> None:
    response = Client().options("/api/v1/keys", headers={"Origin": "https://evil.example"})
    assert response.status_code == 405
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


# a key beside the cookie


def both(cookie: Caller, key: str) -> Caller:
    cookie.headers = {"Authorization": key}
    return cookie


def test_beside_a_cookie_the_key_decides(account: ExchangeAccount) -> None:
    other = make_account()
    key = program(other.user).headers["Authorization"]
    assert told(both(person(account.user), key).get("/profile"))["email"] == other.user.email


def test_beside_a_cookie_the_keys_scopes_decide(account: ExchangeAccount) -> None:
    key = program(account.user, "record").headers["Authorization"]
    assert refusal(both(person(account.user), key).get("/profile"))[:2] == (403, "scope_missing")
    assert refusal(both(person(account.user), key).get("/keys"))[:2] == (403, "person_needed")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer tgk_unknown",
        "Basic YWRhOng=",
        "tgk_x",
        "bearer\tx",
        "Digest x",
        "Bearer \xe9",
    ],
)
def test_beside_a_cookie_a_bad_key_is_a_401(account: ExchangeAccount, header: str) -> None:
    response = both(person(account.user), header).get("/profile")
    assert refusal(response) == (401, "not_authenticated", None)
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_key_is_taken_from_nowhere_else(account: ExchangeAccount) -> None:
    secret = program(account.user).headers["Authorization"].removeprefix("Bearer ")
    for caller, query in [
        (nobody(), {"key": secret}),
        (nobody(), {"access_token": secret}),
        (Caller(Client(), {"X-API-Key": secret}), {}),
    ]:
        assert refusal(caller.get("/profile", query)) == (401, "not_authenticated", None)
    caller = nobody()
    caller.client.cookies["Authorization"] = f"Bearer {secret}"
    assert caller.get("/profile").status_code == 401
    assert bearer(secret).get("/profile").status_code == 200
