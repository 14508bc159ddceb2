"""A body that is said to be packed is refused, and never unpacked: a kilobyte can be a gigabyte."""

from __future__ import annotations

import gzip

import pytest

from accounts.models import ExchangeAccount
from accounts.tests.api import nobody, program, refusal
from usage.models import LedgerEntry

pytestmark = pytest.mark.django_db
BOMB = gzip.compress(b"[" * 5_000_000)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "x"])
@pytest.mark.parametrize("path", ["/usage", "/usage/litellm", "/services"])
def test_a_packed_body_is_refused(coding: str, path: str, account: ExchangeAccount) -> None:
    response = program(account.user).post(path, BOMB, HTTP_CONTENT_ENCODING=coding)
    assert refusal(response) == (415, "unsupported_media_type", "Content-Encoding")
    assert not LedgerEntry.objects.exists()


def test_whoever_calls(account: ExchangeAccount) -> None:
    response = nobody().post("/auth/login", BOMB, HTTP_CONTENT_ENCODING="gzip")
    assert refusal(response) == (415, "unsupported_media_type", "Content-Encoding")


def test_one_that_does_not_say_so_is_no_json(account: ExchangeAccount) -> None:
    assert refusal(program(account.user).post("/usage", BOMB))[:2] == (400, "malformed")
    assert refusal(program(account.user).post("/usage/litellm", BOMB))[:2] == (400, "malformed")


def test_identity_is_no_packing(account: ExchangeAccount) -> None:
    entry = {"service_id": 1, "prompt_tokens": 1, "completion_tokens": 0, "direction": "consume"}
    assert program(account.user).post("/usage", entry, HTTP_CONTENT_ENCODING="identity").status_code == 201
