from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as site
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django_htmx.middleware import HtmxMiddleware

from accounts.middleware import SignInRequiredMiddleware
from accounts.models import Session, User
from accounts.tests.helpers import HTMX, counted_queries, is_signed_in, sign_in
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
SETTINGS = "/accounts/settings/"


class TestLastUsed:
    @pytest.fixture(autouse=True)
    def _signed_in(self, client: Client, desk: Desk) -> None:
        with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
            sign_in(client, REMOTE_ADDR="192.0.2.7")

    def seen_at(self) -> str:
        session = Session.objects.get(user__isnull=False)
        assert session.seen_at is not None
        return session.seen_at.isoformat()

    def test_within_five_minutes_nothing_is_written(self, client: Client) -> None:
        with time_machine.travel("2026-03-01T12:05:00Z", tick=False):
            # 1 the session, 2 the user
            with counted_queries(2):
                client.get("/accounts/login/")
            assert self.seen_at() == "2026-03-01T12:00:00+00:00"

    def test_after_five_minutes_it_is_written_once(self, client: Client) -> None:
        with time_machine.travel("2026-03-01T12:05:01Z", tick=False):
            # 1 the session, 2 the user, 3 save the session
            with counted_queries(3):
                client.get("/accounts/login/")
            with counted_queries(2):
                client.get("/accounts/login/")
            assert self.seen_at() == "2026-03-01T12:05:01+00:00"

    def test_a_browser_that_moved_is_listed_where_it_is_now(self, client: Client) -> None:
        with time_machine.travel("2026-03-01T13:00:00Z", tick=False):
            client.get(SETTINGS, REMOTE_ADDR="198.51.100.1")
        assert Session.objects.get(user__isnull=False).network == "198.51.100.1"

    def test_a_session_in_use_lasts_and_one_that_rests_ends_after_a_fortnight(self, client: Client) -> None:
        with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
            clock.shift(timedelta(days=13))
            assert is_signed_in(client)
            clock.shift(timedelta(days=13))
            assert is_signed_in(client)
            clock.shift(timedelta(days=14))
            assert not is_signed_in(client)


def test_who_is_made_inactive_is_signed_out_at_once(client: Client, desk: Desk) -> None:
    sign_in(client)
    User.objects.update(is_active=False)
    assert not is_signed_in(client)


def test_a_new_epoch_signs_out_everywhere(client: Client, desk: Desk) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    User.objects.update(session_epoch=1)
    assert not is_signed_in(client)
    assert not is_signed_in(other)
    sign_in(client)
    assert is_signed_in(client)


def turned_away(method: str = "get", path: str = SETTINGS, **extra: str) -> HttpResponse:
    """The answer of the middleware to somebody who is not signed in."""
    request = getattr(RequestFactory(), method)(path, **extra)
    request.user = AnonymousUser()
    HtmxMiddleware(lambda _: HttpResponse())(request)
    middleware = SignInRequiredMiddleware(lambda _: HttpResponse())
    answer = middleware.process_view(request, lambda _: HttpResponse(), [], {})
    assert answer is not None
    return answer


def test_a_page_is_returned_to_after_signing_in() -> None:
    answer = turned_away(path="/usage/record/?service=4")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/usage/record/%3Fservice%3D4"


def test_after_a_form_one_returns_to_the_page_on_which_it_stood() -> None:
    referrer = "http://testserver/accounts/settings/?a=b#profile"
    answer = turned_away("post", "/accounts/settings/profile/", HTTP_REFERER=referrer)
    assert answer["Location"] == "/accounts/login/?next=/accounts/settings/%3Fa%3Db"


@pytest.mark.parametrize(
    "referrer", ["", "https://evil.example/x", "http://testserver//evil.example/", "//["]
)
def test_a_form_from_nowhere_leads_back_to_the_dashboard(referrer: str) -> None:
    answer = turned_away("post", "/accounts/settings/profile/", HTTP_REFERER=referrer)
    assert answer["Location"] == "/accounts/login/?next="


def test_htmx_takes_the_whole_window_to_the_sign_in_page() -> None:
    current = {"HTTP_HX_CURRENT_URL": "http://testserver/?tab=2"}
    answer = turned_away(path="/usage/snapshot/", **HTMX, **current)
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/accounts/login/?next=/%3Ftab%3D2")
    assert "Location" not in answer


@pytest.mark.parametrize("current", ["https://evil.example/", "http://testserver//evil.example/", "//[", ""])
def test_another_sites_page_is_not_returned_to_by_htmx(current: str) -> None:
    answer = turned_away(path="/usage/snapshot/", **HTMX, HTTP_HX_CURRENT_URL=current)
    assert answer["HX-Redirect"] == "/accounts/login/?next="


def test_every_page_needs_signing_in_but_those_that_say_otherwise(client: Client) -> None:
    for path in ("/", SETTINGS, "/catalog/providers/", "/usage/record/"):
        assert client.get(path)["Location"].startswith("/accounts/login/?next="), path
    for path in ("/accounts/login/", "/healthz"):
        assert client.get(path).status_code == 200, path


def test_the_session_of_a_client_behind_our_proxy_shows_the_client(
    client: Client, desk: Desk, settings: pytest.FixtureRequest
) -> None:
    settings.TRUSTED_PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)
    sign_in(client, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.7")
    assert Session.objects.get(user__isnull=False).network == "192.0.2.7"


def test_the_site_notes_use_before_it_asks_who_may() -> None:
    names = [name.rsplit(".", 1)[-1] for name in site.MIDDLEWARE]
    assert names.index("AuthenticationMiddleware") < names.index("NoteSessionUseMiddleware")
