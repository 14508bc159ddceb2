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


def test_its_document_has_the_contracts_names_and_nothing_else() -> None:
    assert document_of("choose_provider", "--name", "north") == northwind()


def test_some_can_be_left_out() -> None:
    assert document_of("choose_provider", "--exclude", "northwind", "--exclude", "x")["id"] == 8
    assert document_of("choose_provider", "--exclude-provider", "#3")["id"] == 8


def test_what_it_must_offer_and_which_is_taken_can_be_said() -> None:
    assert document_of("choose_provider", "--strategy", "cheapest")["id"] == 8
    assert document_of("choose_provider", "--max-price", "0.0052", "--min-trial", "20000")["id"] == 8


def test_none_that_fits_is_a_failure_that_tells_the_nearest() -> None:
    with pytest.raises(CommandError, match=r"Nearest: Northwind \(provider 3\): you leave") as failed:
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
