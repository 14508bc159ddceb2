"""keys: made, listed, changed, rotated and revoked by the person whose they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from accounts import api_keys
from accounts.api_keys import create_key
from accounts.factories import make_account, make_api_key
from accounts.keys.budgets import Budget
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.api import Caller, bearer, person, program, refusal, told
from accounts.tests.helpers import counted_queries

pytestmark = pytest.mark.django_db
FIELDS = {
    "id",
    "label",
    "tags",
    "scopes",
    "state",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "default_service_id",
    "budget",
    "secrets",
}
TOKENS = {"unit": "tokens", "period": "month", "limit": 1_000_000, "soft_limit": 800_000}


@pytest.fixture
def ada(account: ExchangeAccount) -> Caller:
    return person(account.user)


def make(ada: Caller, **settings: Any) -> dict[str, Any]:
    response = ada.post("/keys", {"label": "Night batch", **settings})
    assert response.status_code == 201, response.content
    document: dict[str, Any] = told(response)
    return document


# made


def test_a_key_is_made_with_the_usual_settings(ada: Caller) -> None:
    document = make(ada)
    assert set(document) == FIELDS | {"secret"}
    assert (document["label"], document["tags"], document["scopes"], document["state"]) == (
        "Night batch",
        [],
        ["read", "record"],
        "active",
    )
    assert document["budget"] is document["expires_at"] is document["default_service_id"] is None
    (secret,) = document["secrets"]
    assert document["secret"].startswith(secret["prefix"] + "_")
    assert bearer(document["secret"]).get("/profile").status_code == 200


def test_everything_can_be_chosen(ada: Caller) -> None:
    document = make(
        ada,
        tags=["night", "eu"],
        scopes=["publish", "read"],
        expires_at="2099-01-01T01:00:00+01:00",
        default_service_id=11,
        budget=TOKENS,
    )
    assert document["tags"] == ["night", "eu"]
    assert document["scopes"] == ["read", "publish"]
    assert document["expires_at"] == "2099-01-01T00:00:00Z"
    assert document["default_service_id"] == 11
    budget = document["budget"]
    assert {name: budget[name] for name in TOKENS} == TOKENS
    assert (budget["spent"], budget["left"], budget["allowed"]) == (0, 1_000_000, True)


def test_the_secret_is_in_the_answer_that_makes_it_and_in_no_other(ada: Caller) -> None:
    first = make(ada)
    path = f"/keys/{first['id']}"
    second = told(ada.post(f"{path}/rotate"))
    for answer in (ada.get("/keys"), ada.get(path), ada.patch(path, {"label": "Other"})):
        assert answer.status_code == 200
        for secret in (first["secret"], second["secret"]):
            assert secret not in answer.content.decode()
            assert secret[13:] not in answer.content.decode()
    kept = ApiKeySecret.objects.get(prefix=first["secret"][:12])
    assert kept.sha256 not in ada.get(path).content.decode()


def test_an_answer_with_a_secret_is_kept_by_no_cache(ada: Caller) -> None:
    assert ada.post("/keys", {"label": "x"})["Cache-Control"] == "private, no-store"


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"label": ""}, "label"),
    ({"label": "   "}, "label"),
    ({"label": "x" * 101}, "label"),
    ({"label": "two\nlines"}, "label"),
    ({"label": "esc\x1b[31m"}, "label"),
    ({"label": None}, "label"),
    ({"label": ["x"]}, "label"),
    ({"tags": ["x" * 41]}, "tags.0"),
    ({"tags": ["a,b"]}, "tags"),
    ({"tags": ["a\r\nX: y"]}, "tags"),
    ({"tags": [f"t{n}" for n in range(21)]}, "tags"),
    ({"scopes": []}, "scopes"),
    ({"scopes": ["admin"]}, "scopes.0"),
    ({"scopes": None}, "scopes"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
    ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
    ({"expires_at": "soon"}, "expires_at"),
    ({"default_service_id": 0}, "default_service_id"),
    ({"default_service_id": 2**63}, "default_service_id"),
    ({"budget": {"unit": "tokens", "period": "day"}}, "budget.limit"),
    ({"budget": {**TOKENS, "unit": "eur"}}, "budget.unit"),
    ({"budget": {**TOKENS, "period": "year"}}, "budget.period"),
    ({"budget": {**TOKENS, "limit": 0}}, "budget.limit"),
    ({"budget": {**TOKENS, "limit": -1}}, "budget.limit"),
    ({"budget": {**TOKENS, "limit": "NaN"}}, "budget.limit"),
    ({"budget": {**TOKENS, "limit": "Infinity"}}, "budget.limit"),
    ({"budget": {**TOKENS, "limit": 2**63}}, "budget.limit"),
    ({"budget": {**TOKENS, "limit": 1_000_000.5, "soft_limit": None}}, "budget.limit"),
    ({"budget": {**TOKENS, "soft_limit": 0.5}}, "budget.soft_limit"),
    ({"budget": {**TOKENS, "soft_limit": 1_000_000}}, "budget.soft_limit"),
    ({"budget": {**TOKENS, "soft_limit": 1_000_001}}, "budget.soft_limit"),
    ({"budget": {**TOKENS, "unit": "usd", "limit": "0.0000000001", "soft_limit": None}}, "budget.limit"),
    ({"budget": {**TOKENS, "unit": "usd", "limit": 9_223_372_037, "soft_limit": None}}, "budget.limit"),
    # a limit that is misspelt must not be none
    ({"bugdet": TOKENS}, "bugdet"),
    ({"budget": {**TOKENS, "soft": 5}}, "budget.soft"),
    # what nobody may set
    ({"id": 1}, "id"),
    ({"user": 1}, "user"),
    ({"user_id": 1}, "user_id"),
    ({"secret": "tgk_chosen00_" + "x" * 43}, "secret"),
    ({"secrets": []}, "secrets"),
    ({"revoked_at": None}, "revoked_at"),
    ({"x" * 5000: 1}, "x" * 99 + "…"),
]


@pytest.mark.parametrize(("change", "field"), UNFIT, ids=lambda value: str(value)[:50])
def test_what_is_wrong_is_named_and_no_key_made(ada: Caller, change: dict[str, Any], field: str) -> None:
    assert refusal(ada.post("/keys", {"label": "Night batch", **change})) == (422, "invalid", field)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(("change", "field"), UNFIT, ids=lambda value: str(value)[:50])
def test_nor_can_a_key_be_changed_to_it(ada: Caller, change: dict[str, Any], field: str) -> None:
    number = make(ada)["id"]
    before = ApiKey.objects.values().get()
    assert refusal(ada.patch(f"/keys/{number}", change)) == (422, "invalid", field)
    assert ApiKey.objects.values().get() == before


def test_several_things_that_are_wrong_are_all_named(ada: Caller) -> None:
    response = ada.post("/keys", {"label": "", "tags": ["a,b"], "expires_at": "2020-01-01T00:00:00Z"})
    assert refusal(response) == (422, "invalid", None)
    assert {one["field"] for one in told(response)["error"]["problems"]} == {"label", "tags", "expires_at"}


@pytest.mark.parametrize("body", [None, b"null", b"[]", b'"x"', b"7"])
def test_a_body_that_is_no_object_is_refused(ada: Caller, body: Any) -> None:
    assert refusal(ada.post("/keys", body)) == (422, "invalid", "body")


@pytest.mark.parametrize(
    "body", [b"{", b"{'label': 'x'}", b'{"label": "\xff"}', b"[" * 100_000, b'{"a": NaN}']
)
def test_a_body_that_is_no_json_is_refused(ada: Caller, body: bytes) -> None:
    assert refusal(ada.post("/keys", body)) == (400, "malformed", None)


# budgets


def test_dollars_go_to_nine_places(ada: Caller) -> None:
    budget = {"unit": "usd", "period": "day", "limit": "12.345678901", "soft_limit": "0.000000001"}
    document = make(ada, budget=budget)
    key = ApiKey.objects.get()
    assert (key.budget_limit, key.soft_limit) == (12_345_678_901, 1)
    assert document["budget"]["limit"] == Decimal("12.345678901")
    assert document["budget"]["soft_limit"] == Decimal("0.000000001")


@pytest.mark.parametrize(
    ("period", "starts", "resets"),
    [
        ("day", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"),
        ("week", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
        ("month", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("total", None, None),
    ],
)
def test_a_budget_says_when_it_starts_anew(
    account: ExchangeAccount, period: str, starts: str | None, resets: str | None
) -> None:
    with time_machine.travel("2026-03-04T23:59:59Z", tick=False):
        budget = make(person(account.user), budget={**TOKENS, "period": period})["budget"]
    assert (budget["starts_at"], budget["resets_at"]) == (starts, resets)


# listed and shown


def test_they_are_listed_newest_first_revoked_ones_too(ada: Caller) -> None:
    first, second, third = (make(ada, label=label) for label in ("first", "second", "third"))
    assert ada.delete(f"/keys/{second['id']}").status_code == 204
    keys = told(ada.get("/keys"))["keys"]
    assert [(key["label"], key["state"]) for key in keys] == [
        ("third", "active"),
        ("second", "revoked"),
        ("first", "active"),
    ]
    assert all(set(key) == FIELDS for key in keys)
    assert told(ada.get(f"/keys/{first['id']}")) == keys[2]
    assert third["id"] == keys[0]["id"]


def test_anothers_are_not_among_them(ada: Caller) -> None:
    make_api_key()
    assert told(ada.get("/keys")) == {"keys": []}


def test_it_says_when_a_key_was_used_last(account: ExchangeAccount) -> None:
    caller = program(account.user)
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        caller.get("/profile")
        (key,) = told(person(account.user).get("/keys"))["keys"]
    assert key["last_used_at"] == key["secrets"][0]["last_used_at"] == "2026-03-01T12:00:00Z"


# changed


def test_what_is_left_out_stays_and_null_takes_away(ada: Caller) -> None:
    made = make(ada, tags=["eu"], expires_at="2099-01-01T00:00:00Z", default_service_id=11, budget=TOKENS)
    path = f"/keys/{made['id']}"
    renamed = told(ada.patch(path, {"label": "Other"}))
    kept = FIELDS - {"label"}
    assert renamed["label"] == "Other"
    assert {name: renamed[name] for name in kept} == {name: made[name] for name in kept}
    emptied = told(ada.patch(path, {"expires_at": None, "default_service_id": None, "budget": None}))
    assert emptied["expires_at"] is emptied["default_service_id"] is emptied["budget"] is None
    assert emptied["label"] == "Other"
    assert told(ada.patch(path, {"tags": []}))["tags"] == []
    assert told(ada.patch(path, {})) == told(ada.get(path))


def test_a_budget_is_changed_as_a_whole(ada: Caller) -> None:
    path = f"/keys/{make(ada, budget=TOKENS)['id']}"
    changed = told(ada.patch(path, {"budget": {"unit": "usd", "period": "total", "limit": 5}}))["budget"]
    assert (changed["unit"], changed["period"], changed["limit"], changed["soft_limit"]) == (
        "usd",
        "total",
        5,
        None,
    )


def test_an_end_that_has_passed_may_stay(account: ExchangeAccount) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        path = f"/keys/{make(person(account.user), expires_at='2026-03-01T13:00:00Z')['id']}"
        clock.shift(timedelta(hours=2))
        ada = person(account.user)
        assert told(ada.patch(path, {"label": "Other"}))["state"] == "expired"
        assert told(ada.patch(path, {"expires_at": None}))["state"] == "active"


# rotated


def test_rotating_gives_another_secret_of_the_same_key(ada: Caller) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        made = make(ada, budget=TOKENS)
        response = ada.post(f"/keys/{made['id']}/rotate")
        assert response.status_code == 201
        rotated = told(response)
        assert rotated["id"] == made["id"]
        assert rotated["budget"] == made["budget"]
        assert rotated["secret"] != made["secret"]
        new, old = rotated["secrets"]
        assert (new["expires_at"], old["prefix"]) == (None, made["secret"][:12])
        ends = datetime.fromisoformat(old["expires_at"])
        assert ends - datetime.now(UTC) == timedelta(hours=24)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overlap_seconds": -1}, "overlap_seconds"),
        ({"overlap_seconds": 30 * 86400 + 1}, "overlap_seconds"),
        ({"overlap_seconds": "soon"}, "overlap_seconds"),
        ({"overlap_seconds": 1.5}, "overlap_seconds"),
        # a misspelt end must not leave a stolen secret working for a day
        ({"overlap": 0}, "overlap"),
    ],
)
def test_an_overlap_that_cannot_be_meant_rotates_nothing(ada: Caller, body: object, field: str) -> None:
    made = make(ada)
    assert refusal(ada.post(f"/keys/{made['id']}/rotate", body)) == (422, "invalid", field)
    assert ApiKeySecret.objects.get().expires_at is None


# revoked


def test_revoking_is_for_good_and_may_be_said_twice(ada: Caller) -> None:
    made = make(ada)
    path = f"/keys/{made['id']}"
    for _ in range(2):
        response = ada.delete(path)
        assert (response.status_code, response.content) == (204, b"")
    document = told(ada.get(path))
    assert document["state"] == "revoked"
    assert document["revoked_at"] is not None
    assert bearer(made["secret"]).get("/profile").status_code == 401


def test_a_revoked_key_stays_as_it_is(ada: Caller) -> None:
    path = f"/keys/{make(ada)['id']}"
    ada.delete(path)
    before = ApiKey.objects.values().get()
    assert refusal(ada.patch(path, {"label": "Other"})) == (409, "key_revoked", None)
    assert refusal(ada.post(f"{path}/rotate", {})) == (409, "key_revoked", None)
    assert ApiKey.objects.values().get() == before
    assert ApiKeySecret.objects.count() == 1


# never by a key


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("GET", "/keys/{key}"),
        ("PATCH", "/keys/{key}"),
        ("DELETE", "/keys/{key}"),
        ("POST", "/keys/{key}/rotate"),
    ],
)
def test_a_key_can_do_none_of_it_not_even_to_itself(account: ExchangeAccount, method: str, path: str) -> None:
    caller = program(account.user)
    assert caller.key is not None
    before = ApiKey.objects.values().get()
    response = caller.send(method, path.format(key=caller.key.pk), {"label": "x"})
    assert refusal(response) == (403, "person_needed", None)
    assert ApiKey.objects.values().get() == before
    assert ApiKeySecret.objects.count() == 1


# what it costs


def test_how_many_queries_the_list_takes(account: ExchangeAccount) -> None:
    ada = person(account.user)
    budget = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.DAY, limit=5)
    for number in range(12):
        created = create_key(account.user, KeySettings(label="x", budget=budget if number % 2 else None))
        api_keys.rotate(created.key, overlap=timedelta(hours=1))
    # the session with its person; the keys; their secrets; what they spent, for each different stretch
    with counted_queries(5):
        ada.get("/keys")


def test_how_many_queries_one_key_takes(account: ExchangeAccount) -> None:
    ada = person(account.user)
    number = make(ada)["id"]
    # the session with its person; the key; its secrets; what it spent
    with counted_queries(4):
        ada.get(f"/keys/{number}")
    # the session; the person is locked and their keys are counted; the key and its secret are put in; the
    # audit event; the key, its secrets and what it spent, for the answer
    with counted_queries(9):
        ada.post("/keys", {"label": "x"})
    # the session, the key, its secrets; the change, the audit event; what it spent
    with counted_queries(6):
        ada.patch(f"/keys/{number}", {"label": "y"})
    # the session, the key, its secrets; the key locked, the secret put in, those before it end; the audit
    # event; then the key, its secrets and what it spent, for the answer
    with counted_queries(10):
        ada.post(f"/keys/{number}/rotate")
    # the session, the key, its secrets; the end, the audit event; when that is
    with counted_queries(6):
        ada.delete(f"/keys/{number}")


def test_two_people_do_not_meet() -> None:
    ada, eve = person(make_account().user), person(make_account().user)
    number = make(ada)["id"]
    for method, path in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")]:
        response = eve.send(method, f"/keys/{number}{path}", {} if method != "GET" else None)
        assert refusal(response) == (404, "not_found", None)
    assert told(ada.get(f"/keys/{number}"))["state"] == "active"
    assert ApiKeySecret.objects.count() == 1
