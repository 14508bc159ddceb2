from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests
from django.conf import settings

from accounts.models import ExchangeAccount
from catalog import publishing
from catalog.models import PriceChange, Service
from catalog.publish_once import Offer
from catalog.publishing import NotPublished, PublicationUnknown, Published, publish, publish_service
from catalog.tests.wire import REFUSED, Wire, northwind, offer
from exchange import (
    ComplianceRefusal,
    ExchangeError,
    ExchangeProtocolError,
    ExchangeRejected,
    ExchangeUnreachable,
    NotAProvider,
)

pytestmark = pytest.mark.django_db
LLAMA = {
    "name": "acme-llama",
    "model_family": "llama",
    "price_per_1k_tokens": Decimal("0.0007"),
    "trial_tokens": 5,
}
# a status after which the client itself does not try again, so that each try is one POST
LOST = 501


def there(account: ExchangeAccount, **changes: Any) -> dict[str, Any]:
    """The service as the Exchange has it."""
    return offer(**{**LLAMA, "provider_id": account.provider_id, "price_per_1k_tokens": 0.0007, **changes})


def has(wire: Wire, *services: dict[str, Any]) -> None:
    """What the Exchange says when it is asked; from now on."""
    wire.remove("GET", f"{wire_base()}/services")
    wire.answers("GET", "/services", {"services": list(services)})


def wire_base() -> str:

    return str(settings.TOKLIGENCE.base_url)


def asked(wire: Wire) -> list[str]:
    return [call.request.method or "" for call in wire.calls]


def publish_llama(account: ExchangeAccount, **changes: Any) -> Published:
    return publish(account, Offer(**{**LLAMA, **changes}))


def test_it_is_published_under_the_accounts_own_provider(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider)}, status=201)
    published = publish_llama(provider)
    assert (published.service.id, published.found) == (11, False)
    assert wire.sent("/services") == [{**LLAMA, "provider_id": provider.provider_id}]
    assert b"0.0007," in wire.calls[0].request.body


def test_programs_get_the_service_alone(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider)})
    assert publish_service(provider, **LLAMA).id == 11


def test_the_mirror_knows_it_at_once(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": there(provider)})
    publish_llama(provider)
    row = Service.objects.select_related("provider").get()
    assert (row.remote_id, row.name, row.price_per_1k_tokens) == (11, "acme-llama", Decimal("0.0007"))
    assert (row.provider.remote_id, row.provider.display_name) == (provider.provider_id, "Acme Inference")
    assert PriceChange.objects.get().service == row


def test_who_is_no_provider_sends_nothing(wire: Wire, account: ExchangeAccount) -> None:
    with pytest.raises(NotAProvider):
        publish_llama(account)
    assert len(wire.calls) == 0


def test_a_refusal_names_every_rule_and_changes_nothing_here(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    with pytest.raises(ComplianceRefusal) as refused:
        publish_llama(provider)
    assert refused.value.rule_ids == ("PRICE_CEILING", "FORBIDDEN_WORD")
    assert not Service.objects.exists()


@pytest.mark.parametrize(
    "answer", [{"status": LOST}, {"document": requests.ConnectionError("reset")}, {"document": "not JSON"}]
)
def test_a_lost_answer_is_looked_for_and_found(
    wire: Wire, provider: ExchangeAccount, answer: dict[str, Any]
) -> None:
    wire.answers("POST", "/services", **answer)
    has(wire, there(provider, id=10, name="another"), there(provider))
    published = publish_llama(provider)
    assert (published.service.id, published.found) == (11, True)
    assert wire.calls[-1].request.url == f"{wire_base()}/services?provider_id={provider.provider_id}"
    assert Service.objects.get().name == "acme-llama"


@pytest.mark.parametrize(
    "other",
    [
        {"price_per_1k_tokens": 0.0008},
        {"trial_tokens": 6},
        {"model_family": "llama-3"},
        {"name": "acme-llama 2"},
        {"provider_id": 999},
    ],
)
def test_what_is_not_exactly_there_is_not_published(
    wire: Wire, provider: ExchangeAccount, other: dict[str, Any]
) -> None:
    wire.answers("POST", "/services", status=LOST)
    has(wire, there(provider, **other))
    with pytest.raises(NotPublished, match=r"does not have this offer.* Publish it again\."):
        publish_llama(provider)
    assert not Service.objects.exists()


def test_what_was_not_there_is_sent_by_the_next_try(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", status=LOST)
    has(wire)
    with pytest.raises(NotPublished):
        publish_llama(provider)
    wire.replace("POST", f"{wire_base()}/services", json={"service": there(provider)})
    assert not publish_llama(provider).found
    assert asked(wire) == ["POST", "GET", "POST"]


def lose_track(wire: Wire, account: ExchangeAccount) -> None:
    """Publish, and neither hear the answer nor be able to ask."""
    wire.answers("POST", "/services", status=LOST)
    wire.answers("GET", "/services", status=LOST)
    with pytest.raises(PublicationUnknown, match="It is not known whether this was published"):
        publish_llama(account)
    assert asked(wire) == ["POST", "GET"]
    wire.calls.reset()


def test_what_is_not_known_is_looked_for_before_it_is_sent_again(
    wire: Wire, provider: ExchangeAccount
) -> None:
    lose_track(wire, provider)
    has(wire, there(provider))
    published = publish_llama(provider)
    assert (published.service.id, published.found) == (11, True)
    assert asked(wire) == ["GET"], "nothing was sent"
    assert Service.objects.get().remote_id == 11


def test_where_it_is_not_there_after_all_it_is_sent(wire: Wire, provider: ExchangeAccount) -> None:
    lose_track(wire, provider)
    has(wire)
    wire.replace("POST", f"{wire_base()}/services", json={"service": there(provider)})
    assert not publish_llama(provider).found
    assert asked(wire) == ["GET", "POST"]


def test_as_long_as_nobody_can_look_nothing_is_sent(wire: Wire, provider: ExchangeAccount) -> None:
    lose_track(wire, provider)
    for _press in range(2):
        with pytest.raises(PublicationUnknown):
            publish_llama(provider)
    assert asked(wire) == ["GET", "GET"]


def test_a_change_after_an_unknown_outcome_is_looked_for_as_it_is_now(
    wire: Wire, provider: ExchangeAccount
) -> None:
    lose_track(wire, provider)
    has(wire, there(provider))
    wire.replace("POST", f"{wire_base()}/services", json={"service": there(provider, trial_tokens=9)})
    assert publish_llama(provider, trial_tokens=9).service.trial_tokens == 9
    assert asked(wire) == ["GET", "POST"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"document": ConnectionRefusedError()}, ExchangeUnreachable),
        ({"document": REFUSED, "status": 400}, ComplianceRefusal),
        ({"document": {"error": "no"}, "status": 404}, ExchangeRejected),
    ],
)
def test_what_certainly_was_not_done_is_not_looked_for(
    wire: Wire, provider: ExchangeAccount, answer: dict[str, Any], error: type[ExchangeError]
) -> None:
    wire.answers("POST", "/services", **answer)
    for _press in range(2):
        with pytest.raises(error):
            publish_llama(provider)
    assert set(asked(wire)) == {"POST"}


def test_an_address_that_is_no_exchange_is_named_as_such(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", "<html>", headers={"Location": "/login"}, status=302)
    wire.answers("GET", "/services", "<html>")
    with pytest.raises(ExchangeProtocolError, match="redirects elsewhere"):
        publish_llama(provider)
    wire.calls.reset()
    with pytest.raises(PublicationUnknown):
        publish_llama(provider)
    assert asked(wire) == ["GET"], "whether it took the first one is not known"


def test_who_was_interrupted_looks_first_the_next_time(
    wire: Wire, provider: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "note_published", interrupt)
        wire.answers("POST", "/services", {"service": there(provider)})
        with pytest.raises(KeyboardInterrupt):
            publish_llama(provider)
    has(wire, there(provider))
    assert publish_llama(provider).found
    assert asked(wire) == ["POST", "GET"]


def interrupt(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_nonsense_is_not_sent_and_leaves_no_doubt(wire: Wire, provider: ExchangeAccount) -> None:
    for _press in range(2):
        with pytest.raises(ValueError, match=r"^name\b"):
            publish_llama(provider, name="half a character \udcff")
    assert len(wire.calls) == 0


def test_sending_leaves_time_for_looking(
    wire: Wire, provider: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float | None] = []
    gateway_for = publishing.gateway_for
    monkeypatch.setattr(
        publishing,
        "gateway_for",
        lambda who, deadline: [given.append(deadline), gateway_for(who, deadline)][1],
    )
    wire.answers("POST", "/services", status=LOST)
    wire.offers(there(provider), providers=[northwind()])
    publish(provider, Offer(**LLAMA), deadline=40)
    sending, looking = given
    assert sending is not None
    assert looking is not None
    assert 25 < sending <= 30
    assert 35 < looking <= 40
