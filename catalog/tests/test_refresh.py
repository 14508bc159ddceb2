from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ExchangeAccount
from catalog.models import Mirror, Service
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from catalog.tests.wire import Wire, northwind, offer

pytestmark = pytest.mark.django_db
URL = "/catalog/refresh/"
HERE = "/catalog/services/?q=x"
HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": f"http://testserver{HERE}"}


def names() -> list[str]:
    return sorted(Service.objects.values_list("name", flat=True))


def test_it_asks_for_a_sign_in(client: Client, wire: Wire) -> None:
    assert client.post(URL)["Location"].startswith("/accounts/login/")
    assert len(wire.calls) == 0


def test_a_link_fetches_nothing(signed_in: Client, wire: Wire) -> None:
    assert signed_in.get(URL).status_code == 405
    assert len(wire.calls) == 0


def test_no_other_site_can_have_it_fetched(account: ExchangeAccount, wire: Wire) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(account.user)
    assert browser.post(URL).status_code == 403
    assert len(wire.calls) == 0


def test_a_form_without_javascript_leads_back(signed_in: Client, wire: Wire) -> None:
    wire.offers(offer())
    response = signed_in.post(URL, {"next": HERE})
    assert (response.status_code, response["Location"]) == (302, HERE)
    assert names() == ["GPT-4o, EU"]
    assert "The catalogue is up to date." in signed_in.get(HERE).content.decode()


@pytest.mark.parametrize("there", ["", "https://elsewhere.example/", "//elsewhere.example", "x", "\x00"])
def test_it_leads_nowhere_else(signed_in: Client, wire: Wire, there: str) -> None:
    wire.offers()
    assert signed_in.post(URL, {"next": there})["Location"] == "/catalog/services/"


def test_htmx_is_told_how_old_it_is_now(signed_in: Client, wire: Wire) -> None:
    make_mirror(age=timedelta(hours=3))
    wire.offers(offer())
    page = signed_in.post(URL, {"due": "1"}, **HTMX)
    html = page.content.decode()
    assert page.status_code == 200
    assert html.strip().startswith("<form")
    assert ">just now</time>" in html
    assert "Exchange connected" in html
    # rows do not move under a person's finger: there is a link to what is new
    assert "HX-Trigger-After-Settle" not in page
    assert f'<a class="link" href="{HERE}">Show 1 change</a>' in html
    assert "no-cache" in page["Cache-Control"]


def test_a_page_that_had_nothing_to_show_is_told_to_load_its_list(signed_in: Client, wire: Wire) -> None:
    wire.offers(offer())
    page = signed_in.post(URL, {"due": "1", "empty": "1"}, **HTMX)
    assert "catalogue-fetched" in page["HX-Trigger-After-Settle"]
    assert "Show 1 change" not in page.content.decode()


def test_what_loads_by_itself_does_not_fetch_what_another_has_just_fetched(
    signed_in: Client, wire: Wire
) -> None:
    make_mirror(age=timedelta(seconds=3))
    page = signed_in.post(URL, {"due": "1", "empty": "1"}, **HTMX)
    assert len(wire.calls) == 0
    assert "catalogue-fetched" in page["HX-Trigger-After-Settle"]


def test_a_person_who_presses_the_button_has_it_fetched(signed_in: Client, wire: Wire) -> None:
    make_mirror(age=timedelta(seconds=3))
    wire.offers(offer())
    signed_in.post(URL, **HTMX)
    assert names() == ["GPT-4o, EU"]


@pytest.mark.parametrize("body", ["<html>proxy</html>", '{"services": 3}', "[" * 100_000, b"\xff\xfe", ""])
def test_a_lie_changes_nothing_and_is_said(signed_in: Client, wire: Wire, body: str | bytes) -> None:
    make_mirror(age=timedelta(hours=3))
    make_service(provider=make_provider(), name="Kept")
    wire.answers("GET", "/services", body)
    wire.answers("GET", "/providers", {"providers": [northwind()]})
    page = signed_in.post(URL, {"due": "1"}, **HTMX)
    html = page.content.decode()
    assert page.status_code == 200
    assert "The Exchange at http://localhost:8080" in html
    assert "3\N{NO-BREAK SPACE}hours ago" in html
    assert names() == ["Kept"]
    shown = signed_in.get("/catalog/services/").content.decode()
    assert "Kept" in shown
    assert "The Exchange at http://localhost:8080" in shown


def test_a_catalogue_that_lost_most_is_not_believed(signed_in: Client, wire: Wire) -> None:
    make_mirror(age=timedelta(hours=3))
    seller = make_provider(number=3)
    for number in range(10):
        make_service(provider=seller, number=100 + number)
    wire.offers(offer())
    html = signed_in.post(URL, {"due": "1"}, **HTMX).content.decode()
    assert "--accept-shrink" in html
    assert Service.objects.filter(delisted_at=None).count() == 10


@pytest.mark.parametrize("more", [{}, HTMX])
def test_without_the_exchange_it_says_what_to_do(signed_in: Client, wire: Wire, more: dict[str, str]) -> None:
    make_mirror(age=timedelta(hours=3))
    make_service(provider=make_provider(), name="Kept")
    wire.is_down()
    html = signed_in.post(URL, {"next": HERE}, follow=True, **more).content.decode()
    assert "The Exchange cannot be reached at http://localhost:8080 (connection refused)." in html
    assert "runexchange" in html
    assert "Exchange unreachable" in html
    assert names() == ["Kept"]


def test_while_another_fetches_it_waits_and_asks_nobody(signed_in: Client, wire: Wire) -> None:
    mirror = make_mirror(age=None)
    Mirror.objects.filter(pk=mirror.pk).update(leased_until=timezone.now() + timedelta(minutes=1))
    page = signed_in.post(URL, {"due": "1", "empty": "1"}, **HTMX)
    html = page.content.decode()
    assert len(wire.calls) == 0
    assert 'hx-trigger="submit, load delay:3s"' in html
    assert "being refreshed at this moment" in html
    # nothing failed, and there is nothing to load yet
    assert "HX-Trigger-After-Settle" not in page
    assert Mirror.objects.get().failure == ""
