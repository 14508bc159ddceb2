"""How tests call the JSON API: a program with a key, or a person by the cookie, as on the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts import sessions
from accounts.api import tokens
from accounts.api_keys import create_key
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, User
from accounts.session_store import SessionStore

BASE = "/api/v1"
JSON = "application/json"
ALL = ("read", "record", "publish")


@dataclass
class Caller:
    """Sends what it is given as JSON, with its headers, and checks nothing."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)
    key: ApiKey | None = None

    def send(self, method: str, path: str, body: Any = None, **extra: Any) -> HttpResponse:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, default=str)
        told = {"content_type": JSON, **extra}
        return self.client.generic(method, f"{BASE}{path}", data, headers=self.headers, **told)

    def get(self, path: str, query: dict[str, Any] | None = None, **extra: Any) -> HttpResponse:
        return self.client.get(f"{BASE}{path}", query or {}, headers=self.headers, **extra)

    def post(self, path: str, body: Any = None, **extra: Any) -> HttpResponse:
        return self.send("POST", path, body, **extra)

    def patch(self, path: str, body: Any = None, **extra: Any) -> HttpResponse:
        return self.send("PATCH", path, body, **extra)

    def delete(self, path: str, **extra: Any) -> HttpResponse:
        return self.send("DELETE", path, **extra)


def nobody() -> Caller:
    return Caller(Client(enforce_csrf_checks=True))


def bearer(secret: str) -> Caller:
    """A program that sends this text as its key."""
    return Caller(Client(enforce_csrf_checks=True), {"Authorization": f"Bearer {secret}"})


def program(user: User, *scopes: str, **settings: Any) -> Caller:
    """A program with a key of this person; every scope where none is named."""
    created = create_key(user, KeySettings(label="Agent", scopes=scopes or ALL, **settings))
    caller = bearer(created.secret_text)
    caller.key = created.key
    return caller


def person(user: User, client: Client | None = None) -> Caller:
    """A browser in which this person is signed in to the API, as auth/verify leaves it."""
    browser = client or Client(enforce_csrf_checks=True)
    request = RequestFactory().post("/")
    request.session = SessionStore()
    public_id = sessions.begin_apart(request, user, label="API", lifetime=tokens.LIFETIME)
    response = HttpResponse()
    tokens.give(response, public_id)
    browser.cookies[tokens.COOKIE] = response.cookies[tokens.COOKIE].value
    browser.cookies["tgw_csrf"] = CSRF
    return Caller(browser, {"X-CSRFToken": CSRF})


CSRF = "c" * 32


def told(response: HttpResponse) -> Any:
    """The answer's document, numbers exact."""
    return json.loads(response.content, parse_float=Decimal)


def refusal(response: HttpResponse) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal, once its envelope is whole."""
    error = told(response)["error"]
    assert set(error) == {"code", "message", "field", "rules", "problems", "request_id"}
    assert error["request_id"] == response["X-Request-ID"]
    assert error["message"]
    return response.status_code, error["code"], error["field"]
