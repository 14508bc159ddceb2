"""No page calls the Exchange inside a database transaction: a slow answer would hold everybody's locks."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.factories import make_account
from catalog.tests.wire import Wire, told
from usage.tests.factories import totals
from usage.tests.test_record_page import TYPED

pytestmark = pytest.mark.django_db(transaction=True)


def test_usage_holds_no_transaction_while_it_waits(wire: Wire, client: Client) -> None:
    waiting = make_account(registered=False)
    client.force_login(waiting.user)
    wire.answers("POST", "/users", told(waiting, id=77))
    wire.totals(totals())
    wire.answers("POST", "/usage", b"")
    assert client.get("/usage/snapshot/", HTTP_HX_REQUEST="true").status_code == 200
    assert client.get("/usage/record/").status_code == 200
    assert client.post("/usage/record/", TYPED).status_code == 302
    # the registration, the totals, the report; the services to choose from are here
    assert wire.transactions == [False] * 3
