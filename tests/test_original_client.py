"""The contract's core as the original command-line client speaks it: plain JSON, no headers of its own."""

from __future__ import annotations

import http.client
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

from tests.exchange_process import ExchangeProcess


def call(process: ExchangeProcess, method: str, path: str, document: Any = None) -> tuple[int, Any]:
    """One request with Host and, where there is a body, Content-Length: nothing else goes out."""
    body = b"" if document is None else json.dumps(document).encode()
    address = urlsplit(process.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    return answer.status, json.loads(raw) if raw else None


def test_the_whole_core_needs_no_header(either: ExchangeProcess) -> None:
    email = f"{uuid.uuid4().hex}@cli.example"
    status, account = call(either, "POST", "/users", {"email": email, "roles": ["consumer", "provider"]})
    assert status == 201
    user_id, provider_id = account["user"]["id"], account["provider"]["id"]
    assert call(either, "POST", "/users", {"email": email, "roles": ["consumer"]})[0] == 200

    offer = {"provider_id": provider_id, "name": "cli", "model_family": "gpt-4o", "price_per_1k_tokens": 0.5}
    status, answered = call(either, "POST", "/services", offer)
    assert status == 201
    service = answered["service"]
    assert {**offer, "trial_tokens": 0, "id": service["id"]} == service

    assert provider_id in [one["id"] for one in call(either, "GET", "/providers")[1]["providers"]]
    assert service in call(either, "GET", "/services")[1]["services"]
    assert call(either, "GET", f"/services?provider_id={provider_id}")[1] == {"services": [service]}

    report = {"user_id": user_id, "service_id": service["id"], "prompt_tokens": 70, "completion_tokens": 30}
    for direction in ("consume", "supply", "consume"):
        assert call(either, "POST", "/usage", {**report, "direction": direction})[0] == 201
    status, answered = call(either, "GET", f"/usage/summary?user_id={user_id}")
    assert status == 200
    core = {"user_id": user_id, "consumed_tokens": 200, "supplied_tokens": 100, "net_tokens": -100}
    assert core.items() <= answered["summary"].items()


def test_a_refusal_says_why_in_json(either: ExchangeProcess) -> None:
    status, answered = call(either, "POST", "/users", {"email": "nobody", "roles": []})
    assert status == 400
    assert isinstance(answered["error"], str)
    assert call(either, "GET", "/usage/summary?user_id=999999")[0] == 404
