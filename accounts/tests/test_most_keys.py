"""A person has so many keys that are not revoked, and no more: by the page, the API and the command."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import api_keys
from accounts.api_keys import MOST_KEYS, create_key, revoke, rotate
from accounts.factories import make_user
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, User
from accounts.tests.api import person, refusal
from accounts.tests.helpers import text_of
from accounts.tests.test_view_key_new import make

pytestmark = pytest.mark.django_db
SETTINGS = KeySettings(label="Agent")
SENTENCE = "There are 3 keys that are not revoked, which is as many as there may be. Revoke one first."


@pytest.fixture
def full(user: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """Somebody who has as many as there may be: three, in this test."""
    monkeypatch.setattr(api_keys, "MOST_KEYS", 3)
    for _number in range(3):
        create_key(user, SETTINGS)
    return user


def test_two_hundred_are_enough_for_anybody() -> None:
    assert MOST_KEYS == 200


def test_one_more_is_refused_and_nothing_is_made(full: User) -> None:
    with pytest.raises(ValidationError) as refused:
        create_key(full, SETTINGS)
    assert refused.value.messages == [SENTENCE]
    assert ApiKey.objects.filter(user=full).count() == 3


def test_a_revoked_one_makes_room(full: User) -> None:
    revoke(ApiKey.objects.filter(user=full).earliest("pk"))
    create_key(full, SETTINGS)
    assert ApiKey.objects.filter(user=full).count() == 4


def test_anothers_keys_do_not_count(full: User) -> None:
    assert create_key(make_user(), SETTINGS).key.pk


def test_a_new_secret_is_no_new_key(full: User) -> None:
    key = ApiKey.objects.filter(user=full).earliest("pk")
    assert rotate(key, overlap=api_keys.LONGEST_OVERLAP).key == key


def test_the_page_says_so_and_keeps_what_was_typed(full: User, signed_in: Client) -> None:
    response = make(signed_in, label="One too many")
    assert response.status_code == 422
    assert SENTENCE in text_of(response)
    assert "One too many" in text_of(response)


def test_the_api_says_so(full: User) -> None:
    response = person(full).post("/keys", {"label": "One too many"})
    assert refusal(response) == (422, "invalid", None)
    assert SENTENCE in response.content.decode()


def test_the_command_says_so(full: User, configure: Callable[..., None]) -> None:
    configure(email=full.email)
    with pytest.raises(CommandError) as refused:
        call_command("create_api_key", "--label", "One too many")
    assert (str(refused.value), refused.value.returncode) == (SENTENCE, 1)
