"""Publishing, and a catalogue that was taken over though it had shrunk, as the audit trail tells of them."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import ExchangeAccount
from accounts.tests.audited import noted, only
from catalog import publishing
from catalog.mirror import refresh
from catalog.publish_once import Offer
from catalog.tests.wire import REFUSED, Wire, offer
from exchange import ComplianceRefusal, ExchangeError

pytestmark = pytest.mark.django_db
PAGE = "/catalog/services/publish/"


def form(**changes: Any) -> dict[str, Any]:
    told = {"name": "acme-llama", "model_family": "gpt-4o", "price_per_1k_tokens": "0.0007"}
    return {**told, "trial_tokens": "0", **changes}


def an_offer(**changes: Any) -> Offer:
    told = {"name": "acme-llama", "model_family": "gpt-4o", "price_per_1k_tokens": Decimal("0.0007")}
    return Offer(**{**told, **changes})


def answers(wire: Wire, provider: ExchangeAccount, **changes: Any) -> None:
    wire.answers("POST", "/services", {"service": offer(provider_id=provider.provider_id, **changes)})


def test_publishing_on_the_page(wire: Wire, seller: Client, provider: ExchangeAccount) -> None:
    answers(wire, provider)
    seller.post(PAGE, form())
    event = only("service.published")
    assert (event.source, event.actor, event.account) == ("page", provider.user, provider)
    assert (event.subject_kind, event.subject_name, event.outcome) == ("service", "acme-llama", "done")
    assert event.facts["price_per_1k_tokens"] == "0.0007"


def test_publishing_by_the_command(wire: Wire, acting: ExchangeAccount) -> None:
    answers(wire, acting)
    words = ("--name", "acme-llama", "--model-family", "gpt-4o")
    call_command("publish_service", *words, stdout=StringIO())
    event = only("service.published")
    assert (event.source, event.actor) == ("command", acting.user)


def test_the_second_time_it_is_an_update(wire: Wire, provider: ExchangeAccount) -> None:
    answers(wire, provider, name="acme-llama")
    publishing.publish(provider, an_offer())
    publishing.publish(provider, an_offer(trial_tokens=9))
    assert [event.action for event in noted()] == ["service.published", "service.updated"]


def test_the_same_form_twice_is_one_event(wire: Wire, provider: ExchangeAccount) -> None:
    answers(wire, provider)
    for _ in range(2):
        publishing.publish(provider, an_offer(), token="a" * 32)
    assert len(noted()) == 1


def test_a_refusal_names_the_rules(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    with pytest.raises(ComplianceRefusal):
        publishing.publish(provider, an_offer())
    event = only("service.published")
    assert (event.outcome, event.rules) == ("refused", ["PRICE_CEILING", "FORBIDDEN_WORD"])
    assert "ceiling" not in event.detail


def test_what_is_not_known_is_told_as_such(wire: Wire, provider: ExchangeAccount) -> None:
    wire.is_down()
    with pytest.raises(ExchangeError) as raised:
        publishing.publish(provider, an_offer())
    event = only("service.published")
    assert (event.outcome, event.facts["error"]) == ("failed", type(raised.value).__name__)


def test_neither_the_mirror_nor_the_trail_alone(
    wire: Wire, provider: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(wire, provider)

    def fail(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "_note", fail)
    with pytest.raises(KeyboardInterrupt):
        publishing.publish(provider, an_offer())
    assert (noted(), list(publishing.MirroredService.objects.all())) == ([], [])


def test_a_form_that_is_wrong_is_no_event(wire: Wire, seller: Client) -> None:
    seller.post(PAGE, form(price_per_1k_tokens="-1"))
    assert noted() == []


def test_a_shrunken_catalogue_that_was_accepted(wire: Wire) -> None:
    wire.offers(*(offer(id=number, name=f"s{number}") for number in range(1, 6)))
    refresh()
    wire.reset()
    wire.offers(offer(id=1, name="s1"))
    with pytest.raises(CommandError):
        call_command("sync_catalog", stdout=StringIO())
    assert noted() == []
    call_command("sync_catalog", accept_shrink=True, stdout=StringIO())
    event = only("catalogue.shrink_accepted")
    assert (event.source, event.agent) == ("command", "manage.py sync_catalog")
    assert event.facts == {"kept": 1, "listed_before": 5}
    call_command("sync_catalog", accept_shrink=True, stdout=StringIO())
    assert len(noted()) == 1, "nothing had to be accepted"


@pytest.mark.parametrize("name", ["half a character \udcff", "nul\x00"])
def test_a_name_of_nonsense_is_looked_up_nowhere(name: str, wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    with pytest.raises((ValueError, ExchangeError)):
        publishing.publish(provider, an_offer(name=name))
    assert not any("\x00" in event.subject_name for event in noted())
