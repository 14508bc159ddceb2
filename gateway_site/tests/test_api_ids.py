"""Another account's object: 404, and nothing is changed. Every address with a number, found by itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model

from accounts.factories import make_account, make_exchange
from accounts.models import ApiKey, ApiKeySecret, ExchangeAccount
from accounts.tests.api import Caller, person, program, refusal, told
from catalog.models import Provider, Service
from catalog.models_publishing import Publication
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from catalog.tests.wire import Wire, offer, wire
from gateway_site.api import api
from usage.factories import make_entries
from usage.models import Delivery, LedgerEntry

pytestmark = pytest.mark.django_db
__all__ = ["wire"]
NOT_FOUND = (404, "not_found", None)
OWNED = {
    "/keys/{int:key_id}": {"GET", "PATCH", "DELETE"},
    "/keys/{int:key_id}/rotate": {"POST"},
    "/services/{int:service_id}": {"PATCH"},
    "/usage/logs/{int:seq}": {"GET"},
}
"""Addresses with a number, and the methods by which they reach what belongs to one account."""
EVERYBODYS = {"/providers/{int:provider_id}": {"GET"}, "/services/{int:service_id}": {"GET"}}
"""Those that reach the catalogue, which every account reads."""
BODIES: dict[str, Any] = {"PATCH": {}, "POST": {}}
NOBODYS = ("0", "1000000", "9223372036854775807", "9223372036854775808", "9" * 40)


def with_a_number() -> dict[str, set[str]]:
    """Every address of the API that takes a parameter, and its methods."""
    found: dict[str, set[str]] = {}
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            if "{" in prefix + path:
                methods = {method for operation in view.operations for method in operation.methods}
                found.setdefault(prefix + path, set()).update(methods)
    return found


def rows_of(*models: type[Model]) -> list[list[dict[str, Any]]]:
    """All that is kept, but when a secret was used."""
    kept = [list(model._default_manager.order_by("pk").values()) for model in models]
    for row in kept[0]:
        row.pop("last_used_at", None)
    return kept


def everything() -> list[list[dict[str, Any]]]:
    return rows_of(ApiKeySecret, ApiKey, Service, Provider, Publication, LedgerEntry, Delivery)


def at(path: str, number: object) -> str:
    before, _brace, rest = path.partition("{")
    return f"{before}{number}{rest.partition('}')[2]}"


def test_every_address_with_a_number_is_in_these_tables() -> None:
    known = {path: OWNED.get(path, set()) | EVERYBODYS.get(path, set()) for path in OWNED | EVERYBODYS}
    assert with_a_number() == known


@pytest.fixture
def mine() -> ExchangeAccount:
    """An account with one of everything."""
    account = make_account(provider=True)
    make_mirror()
    make_service(provider=make_provider(number=account.provider_id), number=4711)
    make_entries(account, 3, api_key=program(account.user).key)
    return account


def number_of(path: str, account: ExchangeAccount) -> int:
    if "keys" in path:
        return ApiKey.objects.get(user=account.user, revoked_at=None, label="Agent").pk
    return 4711 if "services" in path else 3


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path, methods in OWNED.items() for method in sorted(methods)]
)
@pytest.mark.parametrize("kind", ["cookie", "key"])
def test_anothers_is_not_found_and_stays_as_it_is(
    path: str, method: str, kind: str, mine: ExchangeAccount, wire: Wire
) -> None:
    stranger = make_account(provider=True).user
    eve = person(stranger) if kind == "cookie" else program(stranger)
    address, before = at(path, number_of(path, mine)), everything()
    response = eve.send(method, address, BODIES.get(method))
    if kind == "key" and "keys" in path:
        assert refusal(response) == (403, "person_needed", None)
    else:
        assert refusal(response) == NOT_FOUND
    assert everything() == before
    assert len(wire.calls) == 0
    if method == "GET":
        ada = person(mine.user)
        assert ada.get(address).status_code == 200, "it is there for whose it is"


@pytest.mark.parametrize("path", sorted(OWNED | EVERYBODYS))
@pytest.mark.parametrize("number", NOBODYS)
def test_a_number_that_nothing_has_is_answered_the_same(
    path: str, number: str, mine: ExchangeAccount
) -> None:
    ada = person(mine.user)
    for method in OWNED.get(path, set()) | EVERYBODYS.get(path, set()):
        assert refusal(ada.send(method, at(path, number), BODIES.get(method))) == NOT_FOUND


@pytest.mark.parametrize("number", ["-1", "1.5", "%31%00", "1%20", "abc", "1;2", "../1", "٣"])
@pytest.mark.parametrize("path", sorted(OWNED | EVERYBODYS))
def test_what_is_no_number_is_no_address(path: str, number: str, mine: ExchangeAccount) -> None:
    response = person(mine.user).get(at(path, number))
    assert response.status_code in (404, 405)
    assert refusal(response)[1] in ("not_found", "method_not_allowed")


def test_the_answer_does_not_tell_anothers_from_nobodys(mine: ExchangeAccount) -> None:
    eve = person(make_account().user)
    for path in ("/keys/{n}", "/usage/logs/{n}"):
        theirs = told(eve.get(at(path, number_of(path, mine))))["error"]
        nobodys = told(eve.get(at(path, 999_999)))["error"]
        assert {**theirs, "request_id": ""} == {**nobodys, "request_id": ""}


def test_the_catalogue_of_another_exchange_is_not_shown(mine: ExchangeAccount) -> None:
    elsewhere = make_exchange(base_url="http://other.example")
    seller = make_provider(number=77, exchange=elsewhere)
    make_service(provider=seller, number=78)
    ada = person(mine.user)
    assert refusal(ada.get("/providers/77")) == NOT_FOUND
    assert refusal(ada.get("/services/78")) == NOT_FOUND
    assert told(ada.get("/services", {"delisted": True}))["total"] == 1


def test_a_service_of_another_provider_is_not_updated_by_who_reads_it(mine: ExchangeAccount) -> None:
    eve = program(make_account(provider=True).user)
    assert eve.get("/services/4711").status_code == 200
    assert refusal(eve.patch("/services/4711", {"price_per_1k_tokens": 0})) == NOT_FOUND


# numbers in the query


@pytest.fixture
def eve(mine: ExchangeAccount) -> Caller:
    account = make_account()
    make_entries(account, 2)
    return person(account.user)


def test_the_budget_of_anothers_key_is_not_found(mine: ExchangeAccount, eve: Caller) -> None:
    key = number_of("keys", mine)
    assert refusal(eve.get("/budget", {"key": key})) == NOT_FOUND
    assert refusal(eve.get("/budget", {"key": 999_999})) == NOT_FOUND


def test_anothers_key_narrows_ones_own_book_to_nothing(mine: ExchangeAccount, eve: Caller) -> None:
    key = number_of("keys", mine)
    assert told(eve.get("/usage/logs", {"key": key}))["entries"] == []
    summary = told(eve.get("/usage/summary", {"key": key}))
    assert (summary["total"]["entries"], summary["by"]["key"]) == (0, [])
    assert len(told(person(mine.user).get("/usage/logs", {"key": key}))["entries"]) == 3


def test_a_cursor_of_anothers_book_leads_nowhere_in_it(mine: ExchangeAccount, eve: Caller) -> None:
    theirs = told(person(mine.user).get("/usage/logs", {"limit": 1}))["older_than"]
    seen = told(eve.get("/usage/logs", {"older_than": theirs, "limit": 200}))["entries"]
    hashes = set(LedgerEntry.objects.filter(account=mine).values_list("hash", flat=True))
    assert not hashes & {entry["hash"] for entry in seen}


def test_an_entry_id_of_anothers_book_is_free_here(mine: ExchangeAccount, eve: Caller) -> None:
    taken = LedgerEntry.objects.filter(account=mine).first()
    assert taken is not None
    entry = {"service_id": 9, "prompt_tokens": 1, "completion_tokens": 0, "direction": "consume"}
    response = eve.post("/usage", {**entry, "entry_id": str(taken.entry_id)})
    assert response.status_code == 201
    assert told(response)["results"][0]["seq"] == 3


def test_publishing_under_anothers_name_makes_ones_own(mine: ExchangeAccount, wire: Wire) -> None:
    other = make_account(provider=True)
    name = Service.objects.get().name
    made = offer(id=5000, provider_id=other.provider_id, name=name, model_family="x", price_per_1k_tokens=1)
    wire.answers("POST", "/services", {"service": made}, 201)
    body = {"name": name, "model_family": "x", "price_per_1k_tokens": 1, "trial_tokens": 20000}
    response = person(other.user).post("/services", body)
    assert response.status_code == 201, response.content
    assert wire.sent("/services")[0]["provider_id"] == other.provider_id
    assert Service.objects.get(remote_id=4711).model_family == "gpt-4o"
