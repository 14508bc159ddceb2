from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

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


def made(*words: str) -> ApiKey:
    printed("--label", "Agent", *words)
    return ApiKey.objects.get()


def test_it_may_read_and_record_where_nothing_is_said() -> None:
    key = made()
    assert (key.scopes, key.tags, key.expires_at) == (["read", "record"], [], None)
    assert (key.default_service_id, key.budget_unit) == (None, "")


def test_everything_can_be_chosen() -> None:
    key = made(
        *("--tag", "prod", "--tag", "eu", "--scope", "publish", "--service-id", "11"),
        *("--expires", "2126-12-31", "--budget-tokens", "1,000,000", "--period", "day"),
        *("--soft-limit", "800_000"),
    )
    assert (key.tags, key.scopes, key.default_service_id) == (["prod", "eu"], ["publish"], 11)
    assert key.expires_at == datetime(2127, 1, 1, tzinfo=UTC), "the day is the last one on which it works"
    assert (key.budget_unit, key.budget_period) == ("tokens", "day")
    assert (key.budget_limit, key.soft_limit) == (1_000_000, 800_000)


def test_dollars_are_exact_to_a_billionth() -> None:
    key = made("--budget-usd", "12.000000001", "--soft-limit", "0.5")
    assert (key.budget_unit, key.budget_period) == ("usd", "month")
    assert (key.budget_limit, key.soft_limit) == (12_000_000_001, 500_000_000)


def test_it_can_end_after_days() -> None:
    expires_at = made("--expires", "30d").expires_at
    assert expires_at is not None
    assert timedelta(days=29) < expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--scope", "rule"], "--scope"),
        (["--expires", "2020-01-01"], "--expires"),
        (["--expires", "2126-01-01T10:00"], "--expires"),
        (["--expires", "soon"], "--expires"),
        (["--service-id", "0"], "--service-id"),
        (["--budget-tokens", "0"], "--budget-tokens"),
        (["--budget-tokens", "1.5"], "--budget-tokens"),
        (["--budget-usd", "1.0000000001"], "--budget-usd"),
        (["--budget-tokens", "1", "--budget-usd", "1"], "--budget-usd"),
        (["--budget-tokens", "10", "--soft-limit", "10"], "--soft-limit"),
        (["--soft-limit", "10"], "--soft-limit"),
        (["--budget-tokens", "10", "--period", "year"], "--period"),
        (["--tag", "a" * 41], "--tag"),
    ],
)
def test_what_cannot_be_names_its_option_and_makes_nothing(words: list[str], option: str) -> None:
    with pytest.raises(CommandError, match=option):
        printed("--label", "Agent", *words)
    assert not ApiKey.objects.exists()
