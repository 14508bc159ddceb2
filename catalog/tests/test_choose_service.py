from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from catalog import consumption
from catalog.models import Mirror
from catalog.tests.commands import document_of, text_of
from catalog.tests.kept import fetched, keep_service
from catalog.tests.wire import Wire, northwind, offer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _acting(acting: ExchangeAccount) -> None:
    """The commands act for somebody."""


@pytest.fixture
def market(wire: Wire) -> Wire:
    harbour = northwind(id=8, display_name="Harbour", description="")
    cheap = offer(id=12, name="Bulk", provider_id=8, price_per_1k_tokens=0.0007, trial_tokens=0)
    wire.offers(offer(), cheap, providers=[northwind(), harbour])
    return wire


def streams(*words: str) -> tuple[str, str]:
    """What is printed on stdout and on stderr."""
    out, err = StringIO(), StringIO()
    call_command("choose_service", *words, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def test_it_says_what_and_whose_it_is(market: Wire) -> None:
    assert streams() == (
        "Bulk (service 12) of Harbour (provider 8)\ngpt-4o, $0.0007 per 1K tokens, no trial tokens\n",
        "",
    )
    assert streams("--min-trial", "1")[0].endswith("$0.0052 per 1K tokens, 20,000 trial tokens\n")


def test_its_document_has_the_contracts_names_and_the_exact_price(market: Wire) -> None:
    assert document_of("choose_service") == offer(
        id=12, name="Bulk", provider_id=8, price_per_1k_tokens=Decimal("0.0007"), trial_tokens=0
    )


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["--name", "EU"], 11),
        (["--exclude", "harbour"], 11),
        (["--exclude-provider", "#3", "--exclude", "nobody"], 12),
        (["--strategy", "most-trial"], 11),
        (["--strategy", "most-trial", "--max-price", "0.001"], 12),
        (["--model-family", "GPT-4O", "--min-trial", "20000"], 11),
    ],
)
def test_it_meets_every_wish(market: Wire, words: list[str], chosen: int) -> None:
    assert document_of("choose_service", *words)["id"] == chosen


def test_no_match_is_exit_1_with_the_nearest_and_an_empty_stdout(market: Wire) -> None:
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("choose_service", "--max-price", "0.0005", "--json", stdout=out)
    assert failed.value.returncode == 1
    assert str(failed.value) == (
        "No service fits. Nearest: Bulk (service 12, Harbour): $0.0007 per 1K tokens, $0.0002 "
        "above your limit "
        "of $0.0005."
    )
    assert out.getvalue() == ""


@pytest.mark.parametrize("strategy", ["least-used-by-me", "spread"])
def test_a_strategy_that_had_to_fall_back_says_so_on_stderr(
    market: Wire, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumption, "_source", None)
    out, err = streams("--strategy", strategy, "--json")
    assert json.loads(out)["id"] in {11, 12}
    assert err.startswith("What you consumed cannot be known yet, so ")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--max-price", "cheap", "must be a price in USD from 0"),
        ("--max-price", "-1", "must be a price"),
        ("--max-price", "NaN", "must be a price"),
        ("--max-price", "1e-999", "must be a price"),
        ("--min-trial", "1.5", "must be a whole number from 0"),
        ("--min-trial", str(10**30), "must be a whole number"),
        ("--strategy", "dearest", "invalid choice"),
    ],
)
def test_wrong_usage_names_the_option(option: str, value: str, said: str) -> None:
    with pytest.raises(CommandError, match=rf"argument {option}: {said}"):
        text_of("choose_service", f"{option}={value}")


def test_what_is_fresh_is_not_fetched_again(market: Wire) -> None:
    text_of("choose_service")
    text_of("choose_service")
    assert [call.request.url.rpartition("/")[2] for call in market.calls] == ["services", "providers"]


def test_what_is_old_is_fetched_first(market: Wire) -> None:
    text_of("choose_service")
    Mirror.objects.update(refreshed_at=timezone.now() - timedelta(days=1))
    market.replace(
        "GET", "http://localhost:8080/services", json={"services": [offer(price_per_1k_tokens=0.0001)]}
    )
    assert document_of("choose_service")["price_per_1k_tokens"] == Decimal("0.0001")


def test_without_the_exchange_an_old_catalogue_serves_and_says_as_of_when(wire: Wire) -> None:
    wire.is_down()
    keep_service(7, price="0.002")
    mirror = fetched(ago=timedelta(days=2))
    out, err = streams("--json")
    assert json.loads(out)["id"] == 7
    assert err.startswith("The Exchange cannot be reached at http://localhost:8080 (connection refused).")
    assert err.endswith(f"Chosen from the catalogue as of {mirror.refreshed_at:%Y-%m-%d %H:%M:%S} UTC.\n")


def test_an_answer_that_cannot_be_right_is_said_and_the_old_catalogue_serves(wire: Wire) -> None:
    wire.offers(offer(), offer())
    keep_service(7, price="0.002")
    fetched(ago=timedelta(days=2))
    out, err = streams("--json")
    assert json.loads(out)["id"] == 7
    assert err.startswith("The Exchange lists service 11 twice.")


def test_without_the_exchange_and_without_a_catalogue_it_fails(wire: Wire) -> None:
    wire.is_down()
    with pytest.raises(CommandError, match=r"cannot be reached .* runexchange") as failed:
        text_of("choose_service")
    assert failed.value.returncode == 1


def test_while_another_process_fetches_the_first_catalogue_it_fails(market: Wire) -> None:
    mirror = Mirror.objects.create(exchange=Exchange.objects.get())
    Mirror.objects.filter(pk=mirror.pk).update(leased_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(CommandError, match="being refreshed") as failed:
        text_of("choose_service")
    assert failed.value.returncode == 1


def test_what_the_exchange_says_cannot_steer_the_terminal(wire: Wire) -> None:
    wire.offers(offer(name="A\x1b[31m", model_family="B\nC"), providers=[northwind(display_name="D\x07")])
    assert streams()[0] == (
        "A [31m (service 11) of D (provider 3)\nB C, $0.0052 per 1K tokens, 20,000 trial tokens\n"
    )
