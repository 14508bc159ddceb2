"""POST services and PATCH services/{id}: one's own, at the Exchange, whose word is the last."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.api import Caller, person, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog.models import Service
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from catalog.tests.wire import REFUSED, Wire, offer

pytestmark = pytest.mark.django_db
BODY = {"name": "acme-llama", "model_family": "llama", "price_per_1k_tokens": 0.0007, "trial_tokens": 5}
LOST = 501
"""A status after which the client itself does not try again."""


@pytest.fixture
def publisher(provider: ExchangeAccount) -> Caller:
    return program(provider.user, "publish")


@pytest.fixture
def own(provider: ExchangeAccount) -> Service:
    """A service of ours in the kept catalogue."""
    make_mirror()
    house = make_provider(number=provider.provider_id, name="Acme Inference")
    return make_service(provider=house, number=11, name="acme-llama", family="llama", price="0.0007", trial=5)


def there(account: ExchangeAccount, **changes: Any) -> dict[str, Any]:
    """The service as the Exchange has it."""
    return offer(**{**BODY, "provider_id": account.provider_id, **changes})


# published


def test_a_new_service_is_a_201(wire: Wire, publisher: Caller, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider)}, status=201)
    response = publisher.post("/services", BODY)
    assert response.status_code == 201
    document = told(response)
    assert document["id"] == 11
    assert {name: document[name] for name in BODY} == {**BODY, "price_per_1k_tokens": Decimal("0.0007")}
    assert (document["is_mine"], document["provider_id"]) == (True, provider.provider_id)
    assert wire.sent("/services") == [
        {**BODY, "price_per_1k_tokens": Decimal("0.0007"), "provider_id": provider.provider_id}
    ]
    assert told(program(provider.user, "read").get("/services/11")) == document


def test_the_same_name_again_is_a_200(wire: Wire, publisher: Caller, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider)}, status=201)
    assert publisher.post("/services", BODY).status_code == 201
    assert publisher.post("/services", BODY).status_code == 200
    assert publisher.post("/services", {**BODY, "name": " acme-llama "}).status_code == 200
    assert Service.objects.count() == 1


def test_trial_tokens_may_be_left_out(wire: Wire, publisher: Caller, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider, trial_tokens=0)}, status=201)
    body = {name: value for name, value in BODY.items() if name != "trial_tokens"}
    assert told(publisher.post("/services", body))["trial_tokens"] == 0
    assert wire.sent("/services")[0]["trial_tokens"] == 0


def test_a_price_is_sent_as_it_was_said(wire: Wire, publisher: Caller, provider: ExchangeAccount) -> None:
    told_there = there(provider, price_per_1k_tokens=0.000000000001)
    wire.answers("POST", "/services", {"service": told_there}, status=201)
    body = b'{"name":"acme-llama","model_family":"llama","price_per_1k_tokens":1e-12,"trial_tokens":5}'
    publisher.post("/services", body)
    assert b"0.000000000001" in (wire.calls[0].request.body or b"")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": None}, "name"),
        ({"model_family": ""}, "model_family"),
        ({"model_family": "x" * 201}, "model_family"),
        ({"price_per_1k_tokens": -1}, "price_per_1k_tokens"),
        ({"price_per_1k_tokens": 1_000_001}, "price_per_1k_tokens"),
        ({"price_per_1k_tokens": "NaN"}, "price_per_1k_tokens"),
        ({"price_per_1k_tokens": "0.0000000000001"}, "price_per_1k_tokens"),
        ({"price_per_1k_tokens": None}, "price_per_1k_tokens"),
        ({"trial_tokens": -1}, "trial_tokens"),
        ({"trial_tokens": 2**53}, "trial_tokens"),
        ({"trial_tokens": 1.5}, "trial_tokens"),
        # what nobody chooses
        ({"provider_id": 999}, "provider_id"),
        ({"id": 1}, "id"),
        ({"token": "0" * 32}, "token"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_nothing_sent(
    wire: Wire, publisher: Caller, change: dict[str, Any], field: str
) -> None:
    assert refusal(publisher.post("/services", {**BODY, **change})) == (422, "invalid", field)
    assert len(wire.calls) == 0


# refused


def test_a_refusal_names_every_rule(wire: Wire, publisher: Caller) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    response = publisher.post("/services", BODY)
    assert refusal(response) == (422, "refused_by_rules", None)
    assert told(response)["error"]["rules"] == REFUSED["rules"]
    assert not Service.objects.exists()


def test_a_refusal_without_rules(wire: Wire, publisher: Caller) -> None:
    wire.answers("POST", "/services", {"error": "No."}, status=409)
    response = publisher.post("/services", BODY)
    assert refusal(response) == (422, "refused_by_exchange", None)
    assert told(response)["error"]["rules"] == []


def test_who_is_no_provider_is_told_so(wire: Wire, account: ExchangeAccount) -> None:
    response = program(account.user, "publish").post("/services", BODY)
    assert refusal(response) == (409, "not_possible_yet", None)
    assert len(wire.calls) == 0


def test_who_is_not_registered_yet_is_told_so(wire: Wire) -> None:
    caller = program(make_account(registered=False).user, "publish")
    assert refusal(caller.post("/services", BODY)) == (409, "not_possible_yet", None)
    assert len(wire.calls) == 0


# the Exchange in trouble


def test_an_exchange_that_is_away_is_a_503(wire: Wire, publisher: Caller) -> None:
    wire.is_down()
    response = publisher.post("/services", BODY)
    assert refusal(response) == (503, "exchange_unavailable", None)
    assert int(response["Retry-After"]) > 0
    assert not Service.objects.exists()


def test_an_exchange_that_has_too_much_to_do_is_a_503(wire: Wire, publisher: Caller) -> None:
    wire.answers("POST", "/services", {"error": "later"}, status=429, headers={"Retry-After": "1"})
    response = publisher.post("/services", BODY)
    assert refusal(response)[0] == 503
    assert int(response["Retry-After"]) > 0


def test_a_lost_answer_is_a_504(wire: Wire, publisher: Caller) -> None:
    wire.answers("POST", "/services", {"error": "boom"}, status=LOST)
    wire.answers("GET", "/services", requests.ConnectionError("reset"))
    response = publisher.post("/services", BODY)
    assert refusal(response) == (504, "outcome_unknown", None)
    assert "Retry-After" not in response


def test_a_lost_answer_that_is_found_is_an_answer(
    wire: Wire, publisher: Caller, provider: ExchangeAccount
) -> None:
    wire.answers("POST", "/services", {"error": "boom"}, status=LOST)
    wire.answers("GET", "/services", {"services": [there(provider)]})
    assert publisher.post("/services", BODY).status_code == 201
    assert Service.objects.get().remote_id == 11


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_meanwhile(wire: Wire, publisher: Caller, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider)}, status=201)
    assert publisher.post("/services", BODY).status_code == 201
    assert wire.transactions == [False]


# changed


def test_ones_own_is_changed_by_what_is_said_alone(
    wire: Wire, publisher: Caller, provider: ExchangeAccount, own: Service
) -> None:
    wire.answers("POST", "/services", {"service": there(provider, price_per_1k_tokens=0.5)})
    response = publisher.patch("/services/11", {"price_per_1k_tokens": 0.5})
    assert response.status_code == 200
    assert told(response)["price_per_1k_tokens"] == Decimal("0.5")
    (sent,) = wire.sent("/services")
    assert sent == {**BODY, "price_per_1k_tokens": Decimal("0.5"), "provider_id": provider.provider_id}
    own.refresh_from_db()
    assert own.price_per_1k_tokens == Decimal("0.5")


def test_null_is_as_good_as_nothing(
    wire: Wire, publisher: Caller, provider: ExchangeAccount, own: Service
) -> None:
    wire.answers("POST", "/services", {"service": there(provider, trial_tokens=0)})
    body = {"trial_tokens": 0, "model_family": None, "price_per_1k_tokens": None}
    assert told(publisher.patch("/services/11", body))["trial_tokens"] == 0
    assert wire.sent("/services")[0]["model_family"] == "llama"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "other"}, "name"),
        ({"provider_id": 3}, "provider_id"),
        ({"trial_tokens": -1}, "trial_tokens"),
        ({"model_family": ""}, "model_family"),
        ({"price_per_1k_tokens": -0.1}, "price_per_1k_tokens"),
    ],
    ids=str,
)
def test_what_cannot_be_changed_is_named(
    wire: Wire, publisher: Caller, own: Service, body: dict[str, Any], field: str
) -> None:
    assert refusal(publisher.patch("/services/11", body)) == (422, "invalid", field)
    assert len(wire.calls) == 0


def test_anothers_is_not_found(wire: Wire, publisher: Caller) -> None:
    make_service(provider=make_provider(number=77), number=12)
    before = Service.objects.values().get()
    assert refusal(publisher.patch("/services/12", {"price_per_1k_tokens": 0})) == (404, "not_found", None)
    assert refusal(publisher.patch("/services/13", {})) == (404, "not_found", None)
    assert Service.objects.values().get() == before
    assert len(wire.calls) == 0


def test_who_sells_nothing_owns_nothing(wire: Wire, own: Service) -> None:
    caller = person(make_account().user)
    assert refusal(caller.patch("/services/11", {"trial_tokens": 1})) == (404, "not_found", None)
    assert len(wire.calls) == 0


def test_a_refused_change_changes_nothing(wire: Wire, publisher: Caller, own: Service) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    response = publisher.patch("/services/11", {"price_per_1k_tokens": 5})
    assert refusal(response) == (422, "refused_by_rules", None)
    own.refresh_from_db()
    assert own.price_per_1k_tokens == Decimal("0.0007")


def test_how_many_queries_they_take(
    wire: Wire, publisher: Caller, provider: ExchangeAccount, own: Service
) -> None:
    wire.answers("POST", "/services", {"service": there(provider, price_per_1k_tokens=0.5)})
    publisher.get("/profile")  # refused, and noted as a use of the key
    # the secret with its key and person; the account; the service as it is kept; the turn for this name
    # looked for, put in and taken; how the Exchange did; is the name on offer; the catalogue's state, twice;
    # the provider, the service, put in place of the one before, its new price; the catalogue's edition; the
    # service's row; the audit event; the turn's end; the service with its provider, for the answer
    with counted_queries(19):
        publisher.patch("/services/11", {"price_per_1k_tokens": 0.5})
    # the secret, the account; is there one of that name; the turn looked for and taken; is the name on offer;
    # the catalogue's state, twice; the provider, the service, which is as it was; the edition; the service's
    # row; the audit event; the turn's end; the answer
    with counted_queries(15):
        publisher.post("/services", {**BODY, "price_per_1k_tokens": 0.5})
