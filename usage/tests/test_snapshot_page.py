from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire, offer, told
from usage.factories import make_entry
from usage.models import UsageSnapshot
from usage.tests.factories import make_snapshot, totals

pytestmark = pytest.mark.django_db
URL = "/usage/snapshot/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def test_it_asks_for_a_sign_in(client: Client, wire: Wire) -> None:
    # the whole window goes there, and comes back to the page, not to its part
    stood_on = {"HTTP_HX_CURRENT_URL": "http://testserver/"}
    assert client.get(URL, **HTMX, **stood_on)["HX-Redirect"] == "/accounts/login/?next=/"
    assert client.post(URL, HTTP_REFERER="http://testserver/")["Location"] == "/accounts/login/?next=/"
    assert len(wire.calls) == 0


def test_htmx_gets_the_part_with_the_new_figures(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    make_snapshot(account=account, consumed=1)
    wire.totals(totals(1_234_567))
    page = signed_in.get(URL, **HTMX)
    html = page.content.decode()
    assert page.status_code == 200
    assert "<html" not in html
    assert "1,234,567 tokens" in html
    assert "just now" in html
    # it has just been asked: asking again by itself would go on for ever
    assert 'hx-trigger="load' not in html
    assert "no-store" in page["Cache-Control"]


def test_the_steps_and_the_status_come_with_it(wire: Wire, seller: Client, provider: ExchangeAccount) -> None:
    wire.totals(totals(0))
    wire.answers("GET", "/services", {"services": [offer(provider_id=provider.provider_id)]})
    html = seller.get(URL, **HTMX).content.decode()
    assert '<div id="guide" hx-swap-oob="innerHTML">' in html
    assert html.count('class="done"') == 2  # registered and published
    assert "Exchange connected" in html


def test_without_javascript_a_button_refreshes(wire: Wire, signed_in: Client) -> None:
    wire.totals(totals(1_234_567))
    response = signed_in.post(URL)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "1,234,567 tokens" in signed_in.get("/").content.decode()
    assert len(wire.calls) == 1


def test_an_account_that_waits_is_registered_and_the_page_knows_it(wire: Wire, client: Client) -> None:
    waiting = make_account(registered=False)
    client.force_login(waiting.user)
    wire.answers("POST", "/users", told(waiting, id=77))
    wire.totals(totals(0))
    html = client.get(URL, **HTMX).content.decode()
    assert wire.sent("/users") == [{"email": waiting.user.email, "roles": ["consumer"]}]
    assert "Consumer" in html
    assert html.count('class="done"') == 1
    assert "You are not registered" not in client.get("/").content.decode()


@pytest.mark.parametrize("kept", [True, False])
def test_without_the_exchange_the_part_says_so_and_keeps_the_old_figures(
    wire: Wire, signed_in: Client, account: ExchangeAccount, kept: bool
) -> None:
    if kept:
        make_snapshot(account=account, consumed=424_242)
    wire.is_down()
    page = signed_in.get(URL, **HTMX)
    html = page.content.decode()
    assert page.status_code == 200
    assert "The Exchange cannot be reached" in html
    assert "Exchange unreachable" in html
    assert ("424,242 tokens" in html) == kept
    assert ("Below is what it said last." in html) == kept
    assert ("No figures have been fetched yet." in html) == (not kept)
    assert 'hx-trigger="load' not in html
    assert UsageSnapshot.objects.count() == kept


def test_without_javascript_the_dashboard_says_that_it_failed(wire: Wire, signed_in: Client) -> None:
    wire.is_down()
    assert signed_in.post(URL)["Location"] == "/"
    assert "The Exchange cannot be reached" in signed_in.get("/").content.decode()


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 302])
def test_no_answer_of_the_exchange_breaks_it(wire: Wire, signed_in: Client, status: int) -> None:
    wire.answers("GET", "/usage/summary", {"error": "No."}, status=status)
    page = signed_in.get(URL, **HTMX)
    assert page.status_code == 200
    assert "The Exchange" in page.content.decode().partition('class="note warn"')[2]


def test_it_asks_for_nobody_else(wire: Wire, signed_in: Client, account: ExchangeAccount) -> None:
    other = make_account()
    wire.totals(totals())
    signed_in.get(URL, {"user_id": str(other.exchange_user_id), "account": str(other.pk)}, **HTMX)
    assert wire.calls[0].request.url.endswith(f"?user_id={account.exchange_user_id}")
    assert not UsageSnapshot.objects.filter(account=other).exists()


def test_other_methods_are_refused(signed_in: Client) -> None:
    assert signed_in.delete(URL).status_code == 405


def test_who_is_through_is_shown_no_way_in(wire: Wire, signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    wire.totals(totals())
    # what is on the page stays there: its end is seen by the page that asks what has changed
    assert 'id="guide"' not in signed_in.get(URL, **HTMX).content.decode()


def test_its_queries(
    wire: Wire, signed_in: Client, account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_snapshot(account=account)
    wire.totals(totals())
    # the first time the opening balance is taken: 10 more, once
    with django_assert_num_queries(25):
        signed_in.get(URL, **HTMX)
    # 1 session, 2 user, 3 account, 4 the opening balance is there, 5 begin, 6 snapshot, locked, 7 its new
    # figures, 8 commit, 9 the account as it is now, 10 our chain, 11 what stands in which state, 12 the
    # opening balance, 13 keys and 14 a service for the way in, 15 the account again for what every page shows
    with django_assert_num_queries(15):
        signed_in.get(URL, **HTMX)
