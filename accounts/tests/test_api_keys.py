from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.api_keys import create_key, key_of, revoke
from accounts.factories import make_api_key, make_user
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ApiKeySecret

pytestmark = pytest.mark.django_db


def test_a_key_is_found_by_its_secret() -> None:
    person = make_user()
    created = create_key(person, KeySettings(label="  Night batch "))
    make_api_key()
    assert (created.key.user, created.key.label) == (person, "Night batch")
    found = key_of(created.secret_text)
    assert found == created.key
    assert found.user == person


def test_a_secret_has_a_readable_beginning_and_256_random_bits() -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    assert re.fullmatch(r"tgk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", created.secret_text)
    assert created.secret_text.startswith(f"{created.prefix}_")
    assert 62**43 > 2**256
    assert create_key(make_user(), KeySettings(label="Agent")).secret_text[12:] != created.secret_text[12:]


def test_what_is_kept_is_the_prefix_and_the_sha256_of_the_whole() -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    kept = ApiKeySecret.objects.get()
    assert kept.prefix == created.prefix
    assert kept.sha256 == hashlib.sha256(created.secret_text.encode()).hexdigest()
    random_part = created.secret_text.removeprefix(created.prefix)
    for table in (ApiKey, ApiKeySecret):
        assert not [
            value for row in table.objects.values_list() for value in row if random_part in str(value)
        ]


def test_a_changed_secret_key_of_the_site_changes_nothing() -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    with override_settings(SECRET_KEY="another one"):
        assert key_of(created.secret_text) == created.key


def test_the_prefix_alone_opens_nothing() -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    wrong = "a" if created.secret_text[-1] != "a" else "b"
    assert key_of(created.secret_text[:-1] + wrong) is None
    assert key_of(created.prefix) is None


def test_one_keys_prefix_with_anothers_secret_is_nobodys() -> None:
    one, other = (create_key(make_user(), KeySettings(label="Agent")) for _ in range(2))
    assert key_of(one.prefix + other.secret_text.removeprefix(other.prefix)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tgk_",
        "tgk_abcdefgh",
        f"tgk_abcdefgh_{'a' * 43}",
        f"tgk_abcdefgh_{'a' * 43}\n",
        f"tgk_abcdefgh_{'é' * 43}",
        "\x00",
        "half \udcff",
        "a" * 100_000,
    ],
)
def test_what_is_no_secret_is_nobodys(text: str) -> None:
    make_api_key()
    assert key_of(text) is None


def test_a_malformed_secret_asks_the_database_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        key_of("tgk_nonsense")


def test_one_query_finds_the_key_and_its_person(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    secret_text = create_key(make_user(email="ada@example.com"), KeySettings(label="Agent")).secret_text
    with django_assert_num_queries(2):  # secret, key and user; that it is in use
        key_of(secret_text)
    with django_assert_num_queries(1):  # the same, and nothing is written again within a minute
        found = key_of(secret_text)
        assert found is not None
        assert found.user.email == "ada@example.com"


def test_a_revoked_key_opens_nothing_and_stays_revoked_as_it_was() -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    other = create_key(created.key.user, KeySettings(label="Other"))
    revoke(created.key)
    at = created.key.revoked_at
    assert at is not None
    assert key_of(created.secret_text) is None
    revoke(ApiKey.objects.get(pk=created.key.pk))
    created.key.refresh_from_db()
    assert created.key.revoked_at == at
    assert key_of(other.secret_text) == other.key


def test_a_revoked_secret_opens_nothing() -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    ApiKeySecret.objects.update(revoked_at=timezone.now())
    assert key_of(created.secret_text) is None


@pytest.mark.parametrize(("hours", "opens"), [(-1, False), (1, True)])
def test_a_secret_works_until_it_expires(hours: int, opens: bool) -> None:
    created = create_key(make_user(), KeySettings(label="Agent"))
    ApiKeySecret.objects.update(expires_at=timezone.now() + timedelta(hours=hours))
    assert (key_of(created.secret_text) == created.key) is opens


def test_the_key_of_a_person_who_is_not_active_opens_nothing() -> None:
    created = create_key(make_user(active=False), KeySettings(label="Agent"))
    assert key_of(created.secret_text) is None


@pytest.mark.parametrize("label", ["", "  ", "a" * 101, "two\nlines", "a\x00b", "a\x1b[2Jb", "half \udcff"])
def test_a_label_that_does_not_fit_is_named_and_nothing_is_made(label: str) -> None:
    with pytest.raises(ValidationError) as refused:
        create_key(make_user(), KeySettings(label=label))
    assert list(refused.value.message_dict) == ["label"]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("label", ["a", "a" * 100, "夜间批处理 🌙", "<b>bold</b>"])
def test_any_line_of_text_is_a_label(label: str) -> None:
    assert ApiKey.objects.get(pk=create_key(make_user(), KeySettings(label=label)).key.pk).label == label


@pytest.mark.parametrize(
    "ends", ["9999-12-31T23:59:00-12:00", "2030-01-01T00:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_an_end_that_no_calendar_or_time_zone_has_is_refused_by_name(ends: str) -> None:
    with pytest.raises(ValidationError) as caught:
        create_key(make_user(), KeySettings(label="Agent", expires_at=datetime.fromisoformat(ends)))
    assert list(caught.value.message_dict) == ["expires_at"]
    assert not ApiKey.objects.exists()
