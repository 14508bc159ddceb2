from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.api_keys import key_of
from accounts.models import ApiKey, ApiKeySecret

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _acting(configure: Callable[..., None]) -> None:
    configure(email="ada@example.com")


def printed(*words: str) -> str:
    out = StringIO()
    call_command("create_api_key", *words, stdout=out)
    return out.getvalue()


def test_its_document_has_the_secret_of_a_key_of_the_configured_person() -> None:
    document = json.loads(printed("--label", "Night batch", "--json"))
    key = ApiKey.objects.get()
    assert document == {
        "id": key.pk,
        "label": "Night batch",
        "prefix": ApiKeySecret.objects.get().prefix,
        "secret": document["secret"],
    }
    assert key_of(document["secret"]) == key
    assert key.user.email == "ada@example.com"


def test_its_text_shows_the_secret_and_says_that_it_does_so_once() -> None:
    text = printed("--label", "Night batch")
    assert "Night batch" in text
    assert "cannot be shown again" in text
    secret = next(word for word in text.split() if word.startswith("tgk_"))
    assert key_of(secret) == ApiKey.objects.get()


def test_a_label_cannot_steer_the_terminal() -> None:
    assert "\u202e" not in printed("--label", "Night\u202ebatch")


@pytest.mark.parametrize("label", ["", "a" * 101, "two\nlines"])
def test_a_label_that_does_not_fit_is_wrong_usage(label: str) -> None:
    with pytest.raises(CommandError, match="--label") as failed:
        printed("--label", label)
    assert failed.value.returncode == 2
    assert not ApiKey.objects.exists()


def test_without_a_label_nothing_is_made() -> None:
    with pytest.raises(CommandError, match="--label"):
        printed()
    assert not ApiKey.objects.exists()


def test_without_an_email_it_says_what_to_set(configure: Callable[..., None]) -> None:
    configure(email="")
    with pytest.raises(CommandError, match="TOKLIGENCE_EMAIL"):
        printed("--label", "Agent")
