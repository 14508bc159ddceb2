from __future__ import annotations

import pytest
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import Wire, northwind, offer

pytestmark = pytest.mark.django_db


def test_it_prints_a_table(wire: Wire, acting: ExchangeAccount) -> None:
    own = northwind(id=1200, display_name="Acme")
    ExchangeAccount.objects.update(provider_id=1200)
    wire.offers(offer(id=1), offer(id=2), providers=[northwind(), own])
    assert text_of("list_providers") == (
        "   id  provider      services  mine\n"
        "-----  ----------  ----------  ------\n"
        "1,200  Acme                 0  yes\n"
        "    3  Northwind            2\n"
    )


def test_its_document_has_the_contracts_names(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(providers=[northwind(since="unknown to us")])
    assert document_of("list_providers") == [
        {"id": 3, "user_id": 30, "display_name": "Northwind", "description": "In two regions"}
    ]


def test_an_empty_market(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(providers=[])
    assert text_of("list_providers") == "The Exchange lists no provider yet.\n"
    assert document_of("list_providers") == []


def test_a_name_cannot_steer_the_terminal(wire: Wire, acting: ExchangeAccount) -> None:
    wire.offers(providers=[northwind(display_name="Evil\x1b[2J\r\nfake row")])
    printed = text_of("list_providers")
    assert "Evil [2J fake row" in printed
    assert len(printed.splitlines()) == 3


def test_without_the_exchange_it_says_how_to_start_one(wire: Wire, acting: ExchangeAccount) -> None:
    wire.is_down()
    with pytest.raises(CommandError, match="runexchange") as failed:
        text_of("list_providers")
    assert failed.value.returncode == 1
