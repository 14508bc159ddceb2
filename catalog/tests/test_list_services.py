from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import Wire, northwind, offer, told

pytestmark = pytest.mark.django_db


def test_it_prints_a_table_with_exact_prices(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(
        offer(),
        offer(
            id=12, name="acme", model_family="llama", provider_id=4, price_per_1k_tokens=1e-7, trial_tokens=0
        ),
    )
    assert text_of("list_services") == (
        "  id  service     model family    provider      USD per 1K tokens    trial tokens\n"
        "----  ----------  --------------  ----------  -------------------  --------------\n"
        "  11  GPT-4o, EU  gpt-4o          Northwind                0.0052          20,000\n"
        "  12  acme        llama           #4                    0.0000001               0\n"
    )


def test_its_document_has_the_contracts_names_and_exact_prices(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(offer(price_per_1k_tokens=0.0007, colour="unknown to us"))
    assert document_of("list_services") == [
        {
            "id": 11,
            "provider_id": 3,
            "name": "GPT-4o, EU",
            "model_family": "gpt-4o",
            "price_per_1k_tokens": Decimal("0.0007"),
            "trial_tokens": 20000,
        }
    ]
    assert '"price_per_1k_tokens":0.0007,' in text_of("list_services", "--json")


def test_it_can_be_narrowed(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(
        offer(id=1),
        offer(id=2, provider_id=acting.provider_id),
        offer(id=3, provider_id=4, model_family="o3"),
    )
    assert [row["id"] for row in document_of("list_services", "--mine")] == [2]
    assert [row["id"] for row in document_of("list_services", "--provider-id", "4")] == [3]
    assert [row["id"] for row in document_of("list_services", "--model-family", "GPT-4o")] == [1, 2]
    assert text_of("list_services", "--provider-id", str(10**30)) == "No service fits.\n"


def test_none_of_ones_own(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(offer())
    assert text_of("list_services", "--mine") == "This account publishes no service that fits.\n"


def test_mine_registers_first_so_that_nothing_of_ones_own_is_missed(
    wire: Wire, account: ExchangeAccount, configure: Callable[..., None]
) -> None:
    configure(email=account.user.email)
    ExchangeAccount.objects.update(exchange_user_id=None, roles=[])
    answer = told(account)
    answer["user"]["roles"] = ["consumer", "provider"]
    wire.answers("POST", "/users", {**answer, "provider": northwind()})
    wire.offers(offer())
    assert [row["id"] for row in document_of("list_services", "--mine")] == [11]


def test_everybodys_are_listed_without_registering(wire: Wire, configure: Callable[..., None]) -> None:
    configure(email="new@example.com")
    wire.offers(offer())
    assert [row["id"] for row in document_of("list_services")] == [11]
    assert wire.sent("/users") == []


def test_without_an_email_it_says_where_to_set_it(wire: Wire, configure: Callable[..., None]) -> None:
    configure(email="")
    with pytest.raises(CommandError, match="TOKLIGENCE_EMAIL"):
        text_of("list_services")
