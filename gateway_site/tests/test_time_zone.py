from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import ExchangeAccount
from gateway_site.time_zone import use_the_browsers_time_zone, zone_named


def seen_by(cookie: str | None) -> str:
    def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(timezone.get_current_timezone_name())

    request = RequestFactory().get("/")
    if cookie is not None:
        request.COOKIES["tz"] = cookie
    response = use_the_browsers_time_zone(view)(request)
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def test_the_page_is_made_in_the_browsers_time_zone() -> None:
    assert seen_by("Asia/Shanghai") == "Asia/Shanghai"


def test_without_a_cookie_it_is_utc() -> None:
    assert seen_by(None) == "UTC"


@pytest.mark.parametrize(
    "cookie",
    ["", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "Europe", "localtime", "a\x00b", "x" * 5000],
)
def test_what_is_no_zone_is_utc(cookie: str) -> None:
    assert zone_named(cookie) is None
    assert seen_by(cookie) == "UTC"


def test_one_persons_zone_is_not_the_nexts() -> None:
    seen_by("Asia/Shanghai")
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.django_db
def test_times_on_a_page_are_the_persons(signed_in: Client, account: ExchangeAccount) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False):
        ExchangeAccount.objects.update(refreshed_at=timezone.now())
        signed_in.force_login(account.user)
        signed_in.cookies["tz"] = "Europe/Berlin"
        html = signed_in.get("/accounts/settings/").content.decode()
    assert "13:00:00 Europe/Berlin (UTC+01:00)" in html
