"""providers/choose and services/choose: what the commands choose, for programs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import ExchangeAccount
from accounts.tests.api import Caller, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog.choosing import Criteria, NothingFits, Strategy, choose_provider, choose_service
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from catalog.tests.wire import Wire, northwind, offer

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(account: ExchangeAccount) -> Caller:
    return program(account.user, "read")


@pytest.fixture
def catalogue(wire: Wire) -> Wire:
    make_mirror()
    north = make_provider(number=3, name="Northwind")
    harbour = make_provider(number=8, name="Harbour", description="")
    make_service(provider=north, number=11, name="GPT-4o, EU", price="0.0052", trial=20_000)
    make_service(provider=harbour, number=12, name="Bulk", price="0.0007")
    make_service(provider=harbour, number=13, name="o3 US", family="o3", price="2", trial=5)
    wire.is_down()
    return wire


QUERIES: list[tuple[dict[str, Any], Criteria]] = [
    ({}, Criteria()),
    ({"name": "eu"}, Criteria(name="eu")),
    ({"model_family": "O3"}, Criteria(model_family="O3")),
    ({"max_price": "0.0052"}, Criteria(max_price_per_1k=Decimal("0.0052"))),
    ({"max_price": "0.005"}, Criteria(max_price_per_1k=Decimal("0.005"))),
    ({"min_trial": 6}, Criteria(min_trial_tokens=6)),
    ({"exclude": ["harbour"]}, Criteria(exclude=("harbour",))),
    ({"exclude": ["#8", "x"]}, Criteria(exclude=("#8", "x"))),
    ({"exclude": ["#3", "#8"]}, Criteria(exclude=("#3", "#8"))),
    ({"name": "bulk", "min_trial": 1}, Criteria(name="bulk", min_trial_tokens=1)),
]


@pytest.mark.parametrize(("query", "criteria"), QUERIES, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("strategy", [None, *Strategy])
def test_it_is_the_functions_choice(
    catalogue: Wire,
    account: ExchangeAccount,
    reader: Caller,
    query: dict[str, Any],
    criteria: Criteria,
    strategy: Strategy | None,
) -> None:
    asked = {**query, **({"strategy": strategy.value} if strategy else {})}
    for path, choose, usual in (
        ("/services/choose", choose_service, Strategy.CHEAPEST),
        ("/providers/choose", choose_provider, Strategy.LONGEST_STANDING),
    ):
        response = reader.get(path, asked)
        try:
            choice: Any = choose(account, criteria, strategy or usual)
        except NothingFits as error:
            choice = error
        if isinstance(choice, NothingFits):
            assert refusal(response) == (404, "nothing_fits", None)
            assert told(response)["error"]["message"] == choice.sentence
            assert "Nearest" in choice.sentence
            continue
        document = told(response)
        assert document["provider"] == choice.provider.model_dump()
        assert document["strategy"] == (strategy or usual).value
        if "service" in document:
            assert document["service"] == choice.service.model_dump()
    assert len(catalogue.calls) == 0, "the catalogue is fresh"


def test_the_same_question_the_same_choice(catalogue: Wire, reader: Caller) -> None:
    answers = {reader.get("/services/choose").content for _ in range(5)}
    assert len(answers) == 1
    assert told(reader.get("/services/choose"))["service"]["id"] == 12


@pytest.mark.parametrize("path", ["/services/choose", "/providers/choose"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"max_price": "-1"}, "max_price"),
        ({"max_price": "NaN"}, "max_price"),
        ({"max_price": "cheap"}, "max_price"),
        ({"min_trial": "-1"}, "min_trial"),
        ({"min_trial": str(2**63)}, "min_trial"),
        ({"strategy": "best"}, "strategy"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"exclude": "a\0b"}, "exclude"),
        ({"exclude": ["x"] * 101}, "exclude"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_meant_is_named(
    catalogue: Wire, reader: Caller, path: str, query: dict[str, Any], field: str
) -> None:
    assert refusal(reader.get(path, query)) == (422, "invalid", field)


@pytest.mark.parametrize("path", ["/services/choose", "/providers/choose"])
def test_without_any_catalogue_it_says_when_to_ask_again(wire: Wire, reader: Caller, path: str) -> None:
    wire.is_down()
    response = reader.get(path)
    assert refusal(response)[0] == 503
    assert int(response["Retry-After"]) > 0
    assert wire.calls


@pytest.mark.parametrize("path", ["/services/choose", "/providers/choose"])
def test_an_old_catalogue_serves_and_says_so(wire: Wire, reader: Caller, path: str) -> None:
    make_mirror(age=timedelta(days=1))
    make_service(provider=make_provider(number=3), number=11)
    wire.is_down()
    document = told(reader.get(path))
    assert document["provider"]["id"] == 3
    assert "as of" in document["note"]


@pytest.mark.django_db(transaction=True)
def test_an_old_catalogue_is_brought_up_to_date_first(wire: Wire, reader: Caller) -> None:
    make_mirror(age=timedelta(days=1))
    make_service(provider=make_provider(number=3), number=10, price="9")
    wire.offers(offer(id=10, price_per_1k_tokens=0.1), offer(id=12, price_per_1k_tokens=0.05))
    document = told(reader.get("/services/choose"))
    assert (document["service"]["id"], document["note"]) == (12, "")
    assert not any(wire.transactions), "no transaction is open while the Exchange is asked"


def test_a_catalogue_with_nothing_in_it(wire: Wire, reader: Caller) -> None:
    wire.offers(providers=[northwind()])
    assert refusal(reader.get("/services/choose"))[:2] == (404, "nothing_fits")


def test_how_many_queries_it_takes(catalogue: Wire, reader: Caller) -> None:
    reader.get("/services/choose")
    # the secret with its key and person; the account; the Exchange and its catalogue's age, twice; the
    # sellers, the offers that can fit, and the provider that is told
    with counted_queries(8):
        reader.get("/services/choose")
    with counted_queries(8):
        reader.get("/providers/choose")
