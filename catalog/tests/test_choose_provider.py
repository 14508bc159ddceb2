from __future__ import annotations

import pytest
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import Wire, northwind, offer
from exchange import NoMatch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market(wire: Wire, acting: ExchangeAccount) -> None:
    bare = northwind(id=8, display_name="Harbour", description="")
    wire.offers(offer(provider_id=8), providers=[northwind(), bare])


def test_it_says_who_it_is(wire: Wire) -> None:
    assert text_of("choose_provider") == "Northwind (provider 3)\nIn two regions\n"
    assert text_of("choose_provider", "--model-family", "gpt-4o") == "Harbour (provider 8)\n"


def test_its_document_has_the_contracts_names() -> None:
    assert document_of("choose_provider", "--name", "north") == northwind()


def test_some_can_be_left_out() -> None:
    assert document_of("choose_provider", "--exclude", "northwind", "--exclude", "x")["id"] == 8


def test_none_that_fits_is_a_failure() -> None:
    with pytest.raises(CommandError, match="provider") as failed:
        text_of("choose_provider", "--exclude", "Northwind", "--exclude", "Harbour")
    assert failed.value.returncode == 1
    assert isinstance(failed.value.__cause__, NoMatch)


def test_what_the_exchange_says_cannot_steer_the_terminal(wire: Wire) -> None:
    wire.replace(
        "GET",
        "http://localhost:8080/providers",
        json={"providers": [northwind(display_name="A\x1b[31m", description="B\nC")]},
    )
    assert text_of("choose_provider") == "A [31m (provider 3)\nB C\n"
