"""No page calls the Exchange inside a database transaction: a slow answer would hold everybody's locks."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.tests.wire import Wire, offer

pytestmark = pytest.mark.django_db(transaction=True)
TYPED = {"name": "a", "model_family": "b", "price_per_1k_tokens": "1", "trial_tokens": "0"}


def test_the_catalogue_holds_no_transaction_while_it_waits(wire: Wire, seller: Client) -> None:
    wire.offers(offer())
    wire.answers("POST", "/services", {"service": offer()})
    assert seller.post("/catalog/refresh/").status_code == 302
    assert seller.post("/catalog/services/publish/", TYPED).status_code == 302
    # services, providers, the publication
    assert wire.transactions == [False] * 3
