"""Who may do what: every operation, with every kind of caller. A new operation has to be added here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.api import BASE, Caller, nobody, person, program, refusal
from catalog.tests.mirrored import make_mirror
from gateway_site.api import api

READ, RECORD, PUBLISH, PERSON = "read", "record", "publish", "cookie"
ANYBODY = {"nobody", READ, RECORD, PUBLISH, PERSON}
OPERATIONS: dict[str, set[str]] = {
    "POST /auth/login": ANYBODY,
    "POST /auth/verify": ANYBODY,
    "POST /auth/logout": {PERSON},
    "GET /profile": {READ, PERSON},
    "GET /keys": {PERSON},
    "POST /keys": {PERSON},
    "GET /keys/{key_id}": {PERSON},
    "PATCH /keys/{key_id}": {PERSON},
    "DELETE /keys/{key_id}": {PERSON},
    "POST /keys/{key_id}/rotate": {PERSON},
    "GET /providers": {READ, PERSON},
    "GET /providers/choose": {READ, PERSON},
    "GET /providers/{provider_id}": {READ, PERSON},
    "GET /services": {READ, PERSON},
    "POST /services": {PUBLISH, PERSON},
    "GET /services/choose": {READ, PERSON},
    "GET /services/{service_id}": {READ, PERSON},
    "PATCH /services/{service_id}": {PUBLISH, PERSON},
    "GET /budget": {READ, RECORD, PERSON},
    "POST /usage": {RECORD, PERSON},
    "POST /usage/litellm": {RECORD, PERSON},
    "GET /usage/summary": {READ, PERSON},
    "GET /usage/logs": {READ, PERSON},
    "GET /usage/logs/{seq}": {READ, PERSON},
}


def described() -> dict[str, dict[str, Any]]:
    """The operations of the description, as ``GET /profile``."""
    paths = api.get_openapi_schema()["paths"]
    return {
        f"{method.upper()} {path.removeprefix(BASE)}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_every_operation_is_in_this_table() -> None:
    there = set(described())
    assert there == set(OPERATIONS)


def test_what_is_described_is_all_that_is_there() -> None:
    patterns, _app, _namespace = api.urls
    routes = {str(pattern.pattern) for pattern in patterns} - {"", "docs", "openapi.json"}
    shown = {path.partition(" ")[2].lstrip("/") for path in described()}
    as_shown = {route.replace("<int:", "{").replace("<", "{").replace(">", "}") for route in routes}
    assert as_shown == shown


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_description_says_who_may(operation: str) -> None:
    told = described()[operation]
    kinds = {name for one in told.get("security", []) for name in one}
    answers = {int(status) for status in told["responses"]}
    if OPERATIONS[operation] is ANYBODY:
        assert kinds == set()
        assert 401 not in answers
    else:
        assert kinds == {"SessionCookie"} | (set() if OPERATIONS[operation] == {PERSON} else {"BearerKey"})
        assert {401, 403, 429} <= answers


def callers(account: ExchangeAccount) -> dict[str, Caller]:
    return {
        "nobody": nobody(),
        READ: program(account.user, READ),
        RECORD: program(account.user, RECORD),
        PUBLISH: program(account.user, PUBLISH),
        PERSON: person(account.user),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_may_not_is_told_which_it_is(operation: str) -> None:
    make_mirror()
    account = make_account(provider=True)
    method, _space, path = operation.partition(" ")
    path = path.replace("{key_id}", "999999").replace("{provider_id}", "999999")
    path = path.replace("{service_id}", "999999").replace("{seq}", "999999")
    people_alone = OPERATIONS[operation] == {PERSON}
    for kind, caller in callers(account).items():
        response = caller.send(method, path, {} if method in ("POST", "PATCH") else None)
        if kind in OPERATIONS[operation]:
            assert response.status_code not in (401, 403), (kind, response.content)
            assert response.status_code < 500
        elif kind == "nobody":
            assert refusal(response) == (401, "not_authenticated", None), kind
            assert response["WWW-Authenticate"] == "Bearer"
        else:
            code = "person_needed" if people_alone else "scope_missing"
            assert refusal(response) == (403, code, None), kind


@pytest.mark.django_db
def test_a_refusal_names_the_scope_that_is_missing() -> None:
    account = make_account()
    response = program(account.user, PUBLISH).get("/budget")
    assert json.loads(response.content)["error"]["message"] == "This key lacks the scope: read or record."


@pytest.mark.django_db
def test_who_may_not_is_refused_before_the_body_is_looked_at() -> None:
    caller = program(make_account().user, READ)
    for body in (b"{", b"", b"[" * 200_000):
        assert refusal(caller.post("/usage", body))[:2] == (403, "scope_missing")
        assert refusal(nobody().post("/usage", body))[:2] == (401, "not_authenticated")


def test_the_description_and_its_page_are_open() -> None:
    for path in ("/openapi.json", "/docs"):
        assert Client().get(f"{BASE}{path}").status_code == 200
