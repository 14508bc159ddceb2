"""Whatever is sent to the door, it is answered in a sentence, never with a 500."""

from __future__ import annotations

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tests.helpers import HTMX, LOGIN, VERIFY, ask
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db

ODD = [
    "\x00",
    "ada@example.com\x00",
    "ada@example.com\r\nBcc: eve@example.com",
    "a" * 100_000,
    "a" * 64 + "@" + "b" * 180 + ".com",
    "\u0130" * 200 + "@example.com",
    "ſ@example.com",
    '"\x0c:"@example.com',
    "ada@。.com",
    "ada@exam\u00adple.com",
    "\ud83d",
    "' OR 1=1 --",
    "{{ 7 * 7 }}",
    "<script>alert(1)</script>@example.com",
    "ada@[::1]",
]


@pytest.mark.parametrize("extra", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize("typed", ODD, ids=range(len(ODD)))
def test_as_an_address_a_code_and_a_way_back(client: Client, typed: str, extra: dict[str, str]) -> None:
    typed = typed.encode("utf-8", "replace").decode()
    refused = ask(client, typed, **extra)
    assert refused.status_code == 422
    assert len(refused.content) < 20_000
    assert ask(client, wanted=typed, **extra).status_code in (200, 302)
    assert client.post(VERIFY, {"code": typed}, **extra).status_code == 422
    assert client.get(LOGIN, {"next": typed}, **extra).status_code == 200
    assert b"<script>alert" not in client.get(LOGIN, {"next": typed}, **extra).content


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"email=%00", b"email=%ff%fe", b"&&&===", b"email=a&email=b"]
)
def test_as_a_body(client: Client, body: bytes) -> None:
    for path in (LOGIN, VERIFY):
        response = client.post(path, body, content_type="application/x-www-form-urlencoded")
        assert response.status_code in (302, 422)


def test_a_form_of_files_is_no_form(client: Client) -> None:
    response = client.post(LOGIN, b"--x\r\nnonsense", content_type="multipart/form-data; boundary=x")
    assert response.status_code in (400, 422)


@pytest.mark.parametrize(
    "name", ["HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_HX_CURRENT_URL", "HTTP_ACCEPT_LANGUAGE"]
)
def test_as_a_header(client: Client, desk: Desk, name: str) -> None:
    for value in ("", "\x7f" * 10_000, "é\u00ff", "//[", "http://[::1", "{}"):
        odd = {name: value}
        assert ask(client, f"ada{len(value)}@example.com", **HTMX, **odd).status_code in (200, 429)
        assert client.get("/accounts/settings/", **odd).status_code == 302
        assert client.post("/accounts/settings/profile/", **odd).status_code == 302


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    local=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    domain=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ending=st.sampled_from([".com", ".中国", "", "。com"]),
)
def test_as_any_address(db: None, local: str, domain: str, ending: str) -> None:
    assert ask(Client(), f"{local}@{domain}{ending}").status_code in (302, 422, 429)
