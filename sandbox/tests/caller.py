"""A caller as plain as the original command-line client: JSON over HTTP, and no headers of its own."""

import json
import uuid
from typing import Any, Self

import requests

Document = dict[str, Any]


class Caller:
    """One HTTP session at one Exchange, with factories for what most tests need."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.session.close()

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        return self.session.get(self.base_url + path, params=query, headers=headers, timeout=30)

    def send(
        self, method: str, path: str, body: str | bytes, headers: dict[str, str] | None = None
    ) -> requests.Response:
        return self.session.request(method, self.base_url + path, data=body, headers=headers, timeout=30)

    def post(self, path: str, document: Any, headers: dict[str, str] | None = None) -> requests.Response:
        return self.send("POST", path, json.dumps(document), headers)

    def register(self, email: str | None = None, *roles: str, **fields: Any) -> Document:
        """A registered account: consumer and provider, under an email of its own, unless told otherwise."""
        email = email or f"{uuid.uuid4().hex}@trader.example"
        answer = self.post("/users", {"email": email, "roles": roles or ("consumer", "provider"), **fields})
        assert answer.ok, answer.text
        return answer.json()

    def publish(self, provider_id: int, **fields: Any) -> Document:
        answer = self.post("/services", offering(provider_id, **fields))
        assert answer.ok, answer.text
        return answer.json()["service"]

    def trader(self) -> tuple[int, int]:
        """A new account that published a service: the ids of both."""
        account = self.register()
        return account["user"]["id"], self.publish(account["provider"]["id"])["id"]

    def report(
        self, user_id: int, service_id: int, key: str | None = None, **fields: Any
    ) -> requests.Response:
        headers = None if key is None else {"Idempotency-Key": key}
        return self.post("/usage", usage(user_id, service_id, **fields), headers)

    def summary(self, user_id: int) -> Document:
        return self.get("/usage/summary", user_id=user_id).json()["summary"]

    def statement(self, user_id: int, limit: int = 500) -> list[Document]:
        """Every entry, page by page."""
        entries: list[Document] = []
        after_id: int | None = 0
        while after_id is not None:
            page = self.get("/usage/statement", user_id=user_id, after_id=after_id, limit=limit).json()
            entries += page["entries"]
            after_id = page["next_after_id"]
        return entries


def offering(provider_id: int, **fields: Any) -> Document:
    document = {
        "provider_id": provider_id,
        "name": "GPT-4o, EU",
        "model_family": "gpt-4o",
        "price_per_1k_tokens": 0.0052,
        "trial_tokens": 1000,
    }
    return {**document, **fields}


def usage(user_id: int, service_id: int, **fields: Any) -> Document:
    document = {
        "user_id": user_id,
        "service_id": service_id,
        "prompt_tokens": 70,
        "completion_tokens": 30,
        "direction": "consume",
    }
    return {**document, **fields}
