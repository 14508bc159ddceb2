from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import requests
from django.core.management import CommandError

from accounts.models import ExchangeAccount
from catalog.tests.commands import document_of, text_of
from catalog.tests.wire import REFUSED, Wire, offer

pytestmark = pytest.mark.django_db
LLAMA = ("--name", "acme-llama", "--model-family", "llama")


def test_it_publishes_what_the_configuration_says(
    wire: Wire, acting: ExchangeAccount, configure: Callable[..., None]
) -> None:
    configure(publish_name="acme", model_family="llama", price_per_1k=Decimal("0.0007"), trial_tokens=5)
    wire.answers("POST", "/services", {"service": offer(name="acme", price_per_1k_tokens=0.0007)})
    assert text_of("publish_service") == "Published service 11: acme, gpt-4o, $0.0007 per 1K tokens.\n"
    assert wire.sent("/services") == [
        {
            "provider_id": acting.provider_id,
            "name": "acme",
            "model_family": "llama",
            "price_per_1k_tokens": Decimal("0.0007"),
            "trial_tokens": 5,
        }
    ]


def test_options_come_before_the_configuration(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": offer(price_per_1k_tokens=0.0007)})
    document = document_of("publish_service", *LLAMA, "--price-per-1k", "0.002", "--trial-tokens", "9")
    assert document == {**offer(), "price_per_1k_tokens": Decimal("0.0007")}
    sent = wire.sent("/services")[0]
    assert (sent["name"], sent["price_per_1k_tokens"], sent["trial_tokens"]) == (
        "acme-llama",
        Decimal("0.002"),
        9,
    )


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--model-family", "llama"], "--name"),
        ([*LLAMA, "--price-per-1k", "-1"], "--price-per-1k"),
        ([*LLAMA, "--price-per-1k", "1e999"], "--price-per-1k"),
        ([*LLAMA, "--trial-tokens", str(10**30)], "--trial-tokens"),
        ([*LLAMA, "--trial-tokens", "many"], "--trial-tokens"),
        (["--name", "half a character \udcff", "--model-family", "llama"], "name"),
    ],
)
def test_nonsense_is_wrong_usage_and_is_not_sent(
    wire: Wire, acting: ExchangeAccount, words: list[str], option: str
) -> None:
    with pytest.raises(CommandError, match=f"^{option}\\b") as failed:
        text_of("publish_service", *words)
    assert failed.value.returncode == 2
    assert len(wire.calls) == 0


def test_a_refusal_names_every_rule(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    with pytest.raises(CommandError) as failed:
        text_of("publish_service", *LLAMA)
    assert failed.value.returncode == 1
    assert str(failed.value).splitlines() == [
        "The Exchange refused this by its rules.",
        "  PRICE_CEILING: 5 USD is above the ceiling of 1 USD.",
        '  FORBIDDEN_WORD: A name may not contain "leaked".',
    ]


def test_who_is_no_provider_is_told_how_to_become_one(
    wire: Wire, account: ExchangeAccount, configure: Callable[..., None]
) -> None:
    configure(email=account.user.email)
    with pytest.raises(CommandError, match="enable_provider = true") as failed:
        text_of("publish_service", *LLAMA)
    assert failed.value.returncode == 1
    assert len(wire.calls) == 0


def test_a_lost_answer_is_looked_for_and_said(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/services", requests.ConnectionError("reset"))
    wire.offers(offer(name="acme-llama", model_family="llama", provider_id=acting.provider_id))
    words = (*LLAMA, "--price-per-1k", "0.0052", "--trial-tokens", "20000")
    assert text_of("publish_service", *words).splitlines() == [
        "Published service 11: acme-llama, llama, $0.0052 per 1K tokens.",
        "The answer was lost, so the Exchange was asked: it has the service as given here.",
    ]
    assert document_of("publish_service", *words)["id"] == 11


def test_what_was_lost_on_the_way_is_a_failure(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/services", requests.ConnectionError("reset"))
    wire.offers()
    with pytest.raises(CommandError, match="It was not published") as failed:
        text_of("publish_service", *LLAMA)
    assert failed.value.returncode == 1


def test_where_nobody_can_look_the_next_run_looks_first(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/services", status=501)
    wire.answers("GET", "/services", requests.ConnectionError("reset"))
    with pytest.raises(CommandError, match="It is not known whether this was published") as failed:
        text_of("publish_service", *LLAMA, "--price-per-1k", "0.0052", "--trial-tokens", "20000")
    assert failed.value.returncode == 1
    wire.reset()
    wire.offers(offer(name="acme-llama", model_family="llama", provider_id=acting.provider_id))
    text_of("publish_service", *LLAMA, "--price-per-1k", "0.0052", "--trial-tokens", "20000")
    assert [call.request.method for call in wire.calls] == ["GET"], "nothing was sent"


def test_run_again_on_purpose_it_publishes_again(wire: Wire, acting: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": offer(name="acme-llama")})
    for _run in range(2):
        text_of("publish_service", *LLAMA)
    assert len(wire.sent("/services")) == 2
