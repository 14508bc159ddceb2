"""A person's own part of the audit trail: on the settings page, and on a page of its own."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from accounts import audit
from accounts.auditing import activity
from accounts.factories import make_account, make_api_key, make_user
from accounts.models import ExchangeAccount, Session, SignInCode, User
from accounts.models.audit import Outcome, SubjectKind
from accounts.tests.helpers import CHROME, HTMX, counted_queries, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
SETTINGS, ALL = "/accounts/settings/", "/accounts/activity/"


def make_events(user: User, count: int) -> None:
    for number in range(count):
        subject = audit.Subject(SubjectKind.KEY, number, f"key number {number}")
        audit.note("key.made", actor=user, subject=subject)


def names(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"«key number (\d+)»", page)]


def test_the_settings_show_the_last_ten(signed_in: Client, user: User) -> None:
    make_events(user, 12)
    page = text_of(signed_in.get(SETTINGS))
    assert names(page) == list(range(11, 1, -1))
    assert f'href="{ALL}"' in page


def test_the_page_shows_all_by_cursor(signed_in: Client, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_events(user, 2 * activity.PAGE + 3)
    found, url = [], ALL
    while url:
        page = text_of(signed_in.get(url))
        found += names(page)
        older = re.search(r'href="(/accounts/activity/\?before=\d+)"', page)
        url = older[1] if older else ""
    assert found == list(reversed(range(2 * activity.PAGE + 3)))
    assert "Newest activity" in page


def test_htmx_gets_the_rows_alone(signed_in: Client, user: User) -> None:
    make_events(user, 3)
    response = signed_in.get(ALL, **HTMX)
    assert response["Vary"] == "HX-Request, Accept-Language, Cookie" or "HX-Request" in response["Vary"]
    page = text_of(response)
    assert "<html" not in page
    assert names(page) == [2, 1, 0]


@pytest.mark.parametrize("path", [SETTINGS, ALL])
def test_another_persons_events_never_appear(path: str, signed_in: Client, user: User) -> None:
    make_events(make_account().user, 3)
    audit.note("code.asked", email="eve@example.com")
    # done by another, also where it is done to this person
    audit.note("key.revoked", actor=make_user(staff=True), subject=audit.of_key(make_api_key(user=user)))
    page = text_of(signed_in.get(path))
    assert names(page) == []
    assert "Nothing yet" in page


def test_what_others_tried_with_ones_address_is_shown(signed_in: Client, user: User) -> None:
    audit.note("session.refused", email=user.email, outcome=Outcome.REFUSED, detail={"why": "wrong_code"})
    page = text_of(signed_in.get(ALL))
    assert "Sign-in refused" in page
    assert ">Refused</span>" in page


def test_it_shows_where_it_came_from_and_which_is_this_browser(client: Client, desk: Desk) -> None:
    make_account(user=make_user(email="ada@example.com"))
    firefox = "Mozilla/5.0 (Windows) Firefox/133.0"
    sign_in(Client(), HTTP_USER_AGENT=firefox, REMOTE_ADDR="192.0.2.7")
    SignInCode.objects.all().delete()
    sign_in(client, HTTP_USER_AGENT=CHROME, REMOTE_ADDR="192.0.2.8")
    page = text_of(client.get(ALL))
    for text in ("Signed in", "192.0.2.7", "Firefox on Windows", "192.0.2.8", "Chrome on Linux"):
        assert text in page
    rows = re.findall(r"<li>.*?</li>", page, re.DOTALL)
    here = [row for row in rows if "This browser" in row]
    assert len(here) == 1
    assert "Chrome on Linux" in here[0]
    assert "Signed in" in here[0]


def test_what_a_key_did_names_the_key(signed_in: Client, user: User) -> None:
    event = audit.note("service.published", actor=user, detail={"rules": ["PRICE_CEILING"]})
    assert event.api_key is None
    page = text_of(signed_in.get(ALL))
    assert "PRICE_CEILING" in page


def test_not_you_ends_all_other_sessions(client: Client, desk: Desk) -> None:
    user = make_account(user=make_user(email="ada@example.com")).user
    for browser in (Client(), client):
        SignInCode.objects.all().delete()
        sign_in(browser)
    page = text_of(client.get(ALL))
    assert 'action="/accounts/settings/sessions/end-others/"' in page
    client.post("/accounts/settings/sessions/end-others/")
    assert Session.objects.filter(user=user).count() == 1


@pytest.mark.parametrize("cursor", ["", "0", "-1", "x", "1e3", "9" * 40, "٣", "\x00", "99999999999999999999"])
def test_a_cursor_that_is_none_shows_the_newest(cursor: str, signed_in: Client, user: User) -> None:
    make_events(user, 1)
    response = signed_in.get(ALL, {"before": cursor})
    assert (response.status_code, names(text_of(response))) == (200, [0])


def test_beyond_the_oldest_there_is_a_way_back(signed_in: Client, user: User) -> None:
    make_events(user, 1)
    page = text_of(signed_in.get(ALL, {"before": 1}))
    assert "Nothing older" in page


def test_it_asks_for_a_sign_in_and_takes_no_form(client: Client, account: ExchangeAccount) -> None:
    assert client.get(ALL)["Location"].startswith("/accounts/login/")
    client.force_login(account.user)
    assert client.post(ALL).status_code == 405


def test_its_queries(signed_in: Client, user: User) -> None:
    make_events(user, 60)
    # 1 session, 2 user, 3 the events with their keys, 4 the account with its Exchange,
    # 5 whether the books differ
    with counted_queries(5):
        signed_in.get(ALL)


def test_a_session_of_another_kind_is_no_fault(signed_in: Client, user: User) -> None:
    audit.note("session.began", actor=user, session=uuid.uuid4())
    assert signed_in.get(ALL).status_code == 200
