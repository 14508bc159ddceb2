from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.test import RequestFactory
from django.utils import timezone

from accounts import sessions
from accounts.factories import make_user
from accounts.models import Session, User
from accounts.session_store import SessionStore
from accounts.tests.helpers import CHROME

pytestmark = pytest.mark.django_db


def begun(person: User, *, agent: str = CHROME, network: str = "192.0.2.7") -> SessionStore:
    """A session as signing in begins it, saved as the middleware does."""
    request = RequestFactory().post("/", REMOTE_ADDR=network, HTTP_USER_AGENT=agent)
    request.session = SessionStore()
    sessions.begin(request, person)
    request.session.save()
    return request.session


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (CHROME, "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Windows"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131 Safari/537.36 Edg/131.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/131 Safari/537.36 OPR/116", "Opera on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17 Safari/605.1.15", "Safari on macOS"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("Firefox/1", "Firefox"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>" * 500, "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_its_owner_calls_it(agent: str, label: str) -> None:
    assert sessions.browser_label(RequestFactory().get("/", HTTP_USER_AGENT=agent)) == label


def test_the_list_shows_the_current_one_first_then_the_last_used() -> None:
    person = make_user()
    old, current, recent = (begun(person, network=f"192.0.2.{number}") for number in (1, 2, 3))
    now = timezone.now()
    for store, hours in ((old, 9), (current, 5), (recent, 1)):
        Session.objects.filter(pk=store.session_key).update(seen_at=now - timedelta(hours=hours))
    listed = sessions.list_sessions(person, current.session_key)
    assert [info.network for info in listed] == ["192.0.2.2", "192.0.2.3", "192.0.2.1"]
    assert [info.is_current for info in listed] == [True, False, False]
    assert {info.label for info in listed} == {"Chrome on Linux"}


def test_the_list_has_nobody_elses_and_no_expired_one() -> None:
    person = make_user()
    expired, mine = begun(person), begun(person)
    begun(make_user())
    Session.objects.filter(pk=expired.session_key).update(expire_date=timezone.now())
    assert len(sessions.list_sessions(person, mine.session_key)) == 1


def test_a_listed_session_does_not_give_its_key_away() -> None:
    person = make_user()
    store = begun(person)
    assert store.session_key not in repr(sessions.list_sessions(person, None))
    assert store.session_key not in str(Session.objects.get())


def test_beginning_one_sweeps_out_expired_ones() -> None:
    expired = begun(make_user())
    Session.objects.filter(pk=expired.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    begun(make_user())
    assert not Session.objects.filter(pk=expired.session_key).exists()


def test_ending_the_others_leaves_the_current_and_other_people() -> None:
    person = make_user()
    current = begun(person)
    begun(person)
    begun(person)
    begun(make_user())
    assert sessions.end_others(person, current.session_key) == 2
    assert [info.is_current for info in sessions.list_sessions(person, current.session_key)] == [True]
    assert Session.objects.count() == 2


def test_ending_all_outdoes_one_that_is_being_written() -> None:
    person = make_user()
    store = begun(person)
    store["under way"] = True
    sessions.end_all(person)
    assert sessions.list_sessions(person, None) == []
    with pytest.raises(UpdateError):
        store.save()
    before = person.session_epoch
    person.refresh_from_db()
    assert person.session_epoch == before + 1
