"""The Exchange's side of the wire, for tests of pages and commands: what it answers, and what it was sent."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import responses
from django.conf import settings
from django.db import connection

from accounts import exchanges
from accounts.models import ExchangeAccount
from exchange import ExchangeClient, RetryPolicy

PRICE_RULE = {"id": "PRICE_CEILING", "message": "5 USD is above the ceiling of 1 USD."}
WORD_RULE = {"id": "FORBIDDEN_WORD", "message": 'A name may not contain "leaked".'}
REFUSED = {"error": "Refused by the rules.", "rules": [PRICE_RULE, WORD_RULE]}


class Wire(responses.RequestsMock):
    """What the configured Exchange answers; each test says it by path.

    ``transactions`` says of each answer whether it came while a database transaction was open.
    """

    def __init__(self) -> None:
        self.transactions: list[bool] = []
        super().__init__(assert_all_requests_are_fired=False, response_callback=self._note)

    def _note(self, response: Any) -> Any:
        self.transactions.append(connection.in_atomic_block)
        return response

    def answers(self, method: str, path: str, document: Any = None, status: int = 200, **more: Any) -> None:
        """``document`` may be a ready body (text, bytes) or an exception that the connection ends in."""
        body = document if isinstance(document, str | bytes | Exception) else json.dumps(document)
        self.add(method, f"{settings.TOKLIGENCE.base_url}{path}", body=body, status=status, **more)

    def totals(self, document: dict[str, Any]) -> None:
        """These totals, as those of whichever account is asked about."""

        def answer(request: Any) -> tuple[int, dict[str, str], str]:
            user_id = int(request.params["user_id"])
            return 200, {}, json.dumps({"summary": {**document["summary"], "user_id": user_id}})

        self.add_callback("GET", f"{settings.TOKLIGENCE.base_url}/usage/summary", callback=answer)

    def offers(self, *services: dict[str, Any], providers: list[dict[str, Any]] | None = None) -> None:
        self.answers("GET", "/services", {"services": list(services)})
        self.answers("GET", "/providers", {"providers": [northwind()] if providers is None else providers})

    def is_down(self) -> None:
        for method, path in [("GET", "/services"), ("GET", "/providers"), ("GET", "/usage/summary")]:
            self.answers(method, path, ConnectionRefusedError())
        for path in ("/users", "/services", "/usage"):
            self.answers("POST", path, ConnectionRefusedError())

    def sent(self, path: str) -> list[dict[str, Any]]:
        """The bodies that were posted to this path, numbers exact."""
        return [
            json.loads(call.request.body or b"", parse_float=Decimal)
            for call in self.calls
            if call.request.method == "POST" and call.request.url == f"{settings.TOKLIGENCE.base_url}{path}"
        ]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Nothing leaves this process, and no pause between retries takes time."""
    patient = functools.partial(ExchangeClient, retry=RetryPolicy(base_delay=0, max_delay=0))
    monkeypatch.setattr(exchanges, "ExchangeClient", patient)
    with Wire() as mock:
        yield mock


@pytest.fixture
def asks_nobody(wire: Wire) -> Iterator[None]:
    """The Exchange is down, and nothing may ask it anything."""
    wire.is_down()
    yield
    assert len(wire.calls) == 0


def northwind(**changes: Any) -> dict[str, Any]:
    return {"id": 3, "user_id": 30, "display_name": "Northwind", "description": "In two regions", **changes}


def offer(**changes: Any) -> dict[str, Any]:
    return {
        "id": 11,
        "provider_id": 3,
        "name": "GPT-4o, EU",
        "model_family": "gpt-4o",
        "price_per_1k_tokens": 0.0052,
        "trial_tokens": 20000,
        **changes,
    }


def told(account: ExchangeAccount, **changes: Any) -> dict[str, Any]:
    """What the Exchange answers to a registration: this account as it is kept here."""
    user = {"id": account.exchange_user_id or 7, "email": account.user.email, "roles": ["consumer"]}
    document: dict[str, Any] = {"user": {**user, **changes}}
    if account.provider_id:
        document["user"]["roles"] = ["consumer", "provider"]
        document["provider"] = {
            "id": account.provider_id,
            "user_id": user["id"],
            "display_name": account.provider_name,
        }
    return document
