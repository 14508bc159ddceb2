from __future__ import annotations

import uuid

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client

from accounts.factories import make_user
from accounts.models import Session
from accounts.session_store import FACTS, SessionStore
from accounts.tests.helpers import counted_queries

pytestmark = pytest.mark.django_db


def test_a_session_knows_its_owner_and_what_its_owner_recognises_it_by() -> None:
    person, public_id = make_user(), uuid.uuid4()
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[FACTS] = {
        "public_id": str(public_id),
        "label": "Firefox on Linux",
        "network": "192.0.2.7",
        "started_at": "2026-03-01T12:00:00+00:00",
        "seen_at": "2026-03-01T12:10:00+00:00",
    }
    store.save()
    row = Session.objects.get(pk=store.session_key)
    assert (row.user, row.public_id, row.label, row.network) == (
        person,
        public_id,
        "Firefox on Linux",
        "192.0.2.7",
    )
    assert row.started_at is not None
    assert row.seen_at is not None
    assert (row.seen_at - row.started_at).total_seconds() == 600
    assert row.get_decoded()[FACTS]["label"] == "Firefox on Linux"


def test_a_session_of_nobody_has_no_owner() -> None:
    store = SessionStore()
    store["something"] = 1
    store.save()
    row = Session.objects.get(pk=store.session_key)
    assert (row.user, row.public_id, row.label) == (None, None, "")


def test_a_session_that_was_ended_is_not_revived_by_a_request_under_way() -> None:
    person = make_user()
    client = Client()
    client.force_login(person)
    under_way = SessionStore(client.session.session_key)
    under_way["read"] = True
    Session.objects.filter(user=person).delete()
    with pytest.raises(UpdateError):
        under_way.save()
    assert not Session.objects.filter(user=person).exists()


@pytest.mark.parametrize(
    "cookie",
    [
        '"aaaaaaaa\\000aaaa"',
        "a" * 41,
        "a" * 5000,
        "aaaaaaaaaa'--",
        "é" * 10,
        '"\\377\\376aaaaaaaaaa"',
        "short",
    ],
    ids=["nul", "41", "5000", "quote", "accents", "bytes", "short"],
)
def test_a_cookie_with_anything_in_it_is_nobody(client: Client, cookie: str) -> None:
    response = client.get("/accounts/login/", headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
    assert response.status_code == 200
    assert client.get("/accounts/settings/").status_code == 302


@pytest.mark.parametrize("key", ["aaaaaaaa\x00aaaa", "a" * 41, "aaaaaaaaaa'--", "é" * 10, "short", ""])
def test_a_key_that_is_none_of_ours_never_reaches_the_database(key: str) -> None:
    with counted_queries(0):
        store = SessionStore(key)
        assert (store.session_key, store.get("anything")) == (None, None)
