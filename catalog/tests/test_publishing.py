from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import ExchangeAccount
from catalog.publishing import publish_service
from catalog.tests.wire import REFUSED, Wire, offer
from exchange import ComplianceRefusal, NotAProvider

pytestmark = pytest.mark.django_db
LLAMA = {"name": "acme-llama", "model_family": "llama", "price_per_1k_tokens": Decimal("0.0007")}


def test_it_is_published_under_the_accounts_own_provider(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", {"service": offer(provider_id=provider.provider_id)}, status=201)
    service = publish_service(provider, **LLAMA, trial_tokens=5)
    assert service.id == 11
    assert wire.sent("/services") == [{**LLAMA, "provider_id": provider.provider_id, "trial_tokens": 5}]
    assert b"0.0007," in wire.calls[0].request.body


def test_who_is_no_provider_sends_nothing(wire: Wire, account: ExchangeAccount) -> None:
    with pytest.raises(NotAProvider):
        publish_service(account, **LLAMA)
    assert len(wire.calls) == 0


def test_a_refusal_names_every_rule(wire: Wire, provider: ExchangeAccount) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    with pytest.raises(ComplianceRefusal) as refused:
        publish_service(provider, **LLAMA)
    assert refused.value.rule_ids == ("PRICE_CEILING", "FORBIDDEN_WORD")
