"""POST usage/litellm: whoever may record, in every form that LiteLLM has, never refused for one row."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from accounts.api_keys import create_key
from accounts.keys.settings import KeySettings
from accounts.models import ExchangeAccount
from accounts.models.api_key import Scope
from usage.litellm import taking
from usage.models import LedgerEntry, QuarantinedRow
from usage.tests.litellm import SECRET, body_of, make_row, sample

pytestmark = pytest.mark.django_db
URL = "/api/v1/usage/litellm"
NOTHING = {"failure": 0, "cache_hit": 0, "reread": 0, "no_tokens": 0}
MB = 1_000_000


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *args: object) -> bytes:
        raise AssertionError("the body was read")


@pytest.fixture
def secret(account: ExchangeAccount) -> str:
    """Of a key with a default service."""
    return create_key(account.user, KeySettings(label="litellm", default_service_id=7)).secret_text


def post(
    body: bytes,
    secret: str = "",
    *,
    kind: str = "application/json",
    client: Client | None = None,
    **more: Any,
) -> HttpResponse:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    response: HttpResponse = (client or Client()).generic(
        "POST", URL, body, content_type=kind, headers=headers, **more
    )
    return response


def test_it_answers_with_what_became_of_the_rows(secret: str) -> None:
    response = post(body_of(*sample(), make_row(prompt_tokens=None)), secret)
    assert response.status_code == 200
    assert json.loads(response.content) == {
        "received": 7,
        "recorded": 5,
        "duplicates": 0,
        "ignored": NOTHING | {"failure": 1},
        "quarantined": 1,
        "over_budget": 0,
    }
    again = json.loads(post(body_of(*sample()), secret).content)
    assert (again["recorded"], again["duplicates"]) == (0, 5)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "application/x-ndjson", "text/plain", "", "x/y"],
)
@pytest.mark.parametrize("form", ["array", "lines", "single"])
def test_every_form_is_taken_whatever_it_is_called(form: str, kind: str, secret: str) -> None:
    rows = [make_row()] if form == "single" else [make_row(), make_row()]
    body = body_of(*rows) if form == "array" else "\n".join(json.dumps(row) for row in rows).encode()
    response = post(body, secret, kind=kind)
    assert (response.status_code, LedgerEntry.objects.count()) == (200, len(rows))


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"])
def test_a_form_is_none_of_these(kind: str, secret: str) -> None:
    response = post(body_of(make_row()), secret, kind=kind)
    assert (response.status_code, json.loads(response.content)["error"]["field"]) == (415, "Content-Type")


@pytest.mark.parametrize("body", [b"", b"hello", b"[oops]", b"\xff\xfe", b"42"])
def test_a_body_in_which_nothing_can_be_read_is_refused(body: bytes, secret: str) -> None:
    response = post(body, secret)
    error = json.loads(response.content)["error"]
    assert (response.status_code, error["code"]) == (400, "malformed")
    assert (LedgerEntry.objects.count(), QuarantinedRow.objects.count()) == (0, 0)


def test_an_empty_array_is_answered(secret: str) -> None:
    response = post(b"[]", secret)
    assert (response.status_code, json.loads(response.content)["received"]) == (200, 0)


def test_too_many_rows_are_said_to_be_after_the_first_were_taken(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_ROWS", 2)
    stream = io.BytesIO(body_of(*(make_row() for _number in range(200))))
    length = len(stream.getvalue())
    response = post(b"", secret, **{"wsgi.input": stream, "CONTENT_LENGTH": str(length)})
    error = json.loads(response.content)["error"]
    assert (response.status_code, error["code"]) == (413, "too_many_rows")
    assert "2 of them recorded" in error["message"]
    assert LedgerEntry.objects.count() == 2
    assert stream.tell() == length, "a sender is heard to the end"


def test_it_needs_somebody_who_may_record(account: ExchangeAccount) -> None:
    reader = create_key(account.user, KeySettings(label="reader", scopes=[Scope.READ])).secret_text
    assert post(body_of(make_row())).status_code == 401
    assert post(body_of(make_row()), "tgk_nonsense").status_code == 401
    assert post(body_of(make_row()), reader).status_code == 403
    assert Client().get(URL).status_code == 405
    assert LedgerEntry.objects.count() == 0


def test_a_body_beyond_32_megabytes_is_refused_before_it_is_read(secret: str) -> None:
    assert settings.LARGER_BODIES[URL] == 32 * MB
    response = post(b"", secret, **{"wsgi.input": Unread(), "CONTENT_LENGTH": str(33 * MB)})
    assert (response.status_code, json.loads(response.content)["error"]["code"]) == (413, "too_large")


def test_32_megabytes_are_taken_in_a_few(secret: str) -> None:
    """The bound: 16 MB for a body of twice that, most of it the entries of a thousand rows at a time."""
    row = make_row()
    row["messages"] = [{"role": "user", "content": SECRET * 900}]
    body = body_of(*({**row, "id": f"chatcmpl-{n}"} for n in range(1000)))
    assert 30 * MB < len(body) < 32 * MB
    stream = io.BytesIO(body)
    del body
    tracemalloc.start()
    try:
        length = {"wsgi.input": stream, "CONTENT_LENGTH": str(stream.getbuffer().nbytes)}
        response = post(b"", secret, **length)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert json.loads(response.content)["recorded"] == 1000
    assert peak < 16 * MB


def test_it_is_in_the_description() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    operation = document["paths"][URL]["post"]
    assert set(operation["responses"]) >= {"200", "400", "401", "403", "413", "415", "429"}
    assert "application/json" in operation["requestBody"]["content"]
