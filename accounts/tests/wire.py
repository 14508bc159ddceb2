"""The registration desk of an Exchange as it stands on the wire, answered by ``responses``."""

from __future__ import annotations

import json
from typing import Any

import requests
import responses


class Desk:
    """Answers ``POST /users`` as the contract says: idempotent by email, roles are added and never taken."""

    def __init__(self, mock: responses.RequestsMock, base_url: str) -> None:
        self.mock = mock
        self.url = f"{base_url}/users"
        self.base_url = base_url
        self.accounts: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.first_id = 1
        self.open()

    def open(self) -> None:
        """Answer as the contract says."""
        self._answer(self._register)

    def close(self) -> None:
        """Refuse every connection, as a machine on which no Exchange runs."""
        self._answer(self._refuse_connection)

    def say(self, status: int, document: object) -> None:
        """Answer everything with this."""

        def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            self._note(request)
            return status, {}, json.dumps(document)

        self._answer(answer)

    def _answer(self, callback: Any) -> None:
        self.mock.remove(responses.POST, self.url)
        self.mock.add_callback(responses.POST, self.url, callback=callback, content_type="application/json")

    def _note(self, request: requests.PreparedRequest) -> dict[str, Any]:
        sent: dict[str, Any] = json.loads(request.body or b"{}")
        self.asked.append(sent)
        self.headers.append(dict(request.headers))
        return sent

    def _refuse_connection(self, request: requests.PreparedRequest) -> Any:
        self._note(request)
        raise ConnectionRefusedError(111, "Connection refused")

    def _register(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        sent = self._note(request)
        known = sent["email"] in self.accounts
        number = len(self.accounts) + self.first_id
        account = self.accounts.setdefault(
            sent["email"],
            {"user": {"id": number, "email": sent["email"], "roles": []}},
        )
        user = account["user"]
        user["roles"] = list(dict.fromkeys([*user["roles"], *sent["roles"]]))
        user["free_tokens"] = {"granted": 50_000, "used": 12_500}
        if "provider" in user["roles"]:
            profile = account.setdefault("provider", {"id": user["id"] + 100, "user_id": user["id"]})
            profile["display_name"] = sent.get("display_name") or profile.get("display_name", sent["email"])
            profile["description"] = sent.get("description") or profile.get("description", "")
        return (200 if known else 201), {}, json.dumps(account)


def user_answer(email: str, **changes: Any) -> dict[str, Any]:
    """What the Exchange answers for a consumer."""
    return {"user": {"id": 7, "email": email, "roles": ["consumer"], **changes}}


RULES = [
    {"id": "NAME_FORBIDDEN", "message": "A provider's name must not claim to be official."},
    {"id": "REGION_BLOCKED", "message": ""},
]


def refusal(rules: list[dict[str, str]] = RULES) -> dict[str, Any]:
    """The body of a refusal that names rules."""
    return {"error": "compliance check failed", "rules": rules}
