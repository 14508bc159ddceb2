from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire, northwind, offer

pytestmark = pytest.mark.django_db
URL = "/catalog/providers/"


def test_it_asks_for_a_sign_in(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={URL}")


def test_it_shows_every_provider(wire: Wire, seller: Client, provider: ExchangeAccount) -> None:
    own = northwind(id=provider.provider_id, display_name="Acme", description="")
    wire.offers(offer(id=1), offer(id=2), providers=[northwind(), own])
    page = seller.get(URL)
    assert page.status_code == 200
    html = page.content.decode()
    assert html.index("Acme") < html.index("Northwind")
    assert "In two regions" in html
    assert "No description given." in html
    assert "2 services" in html
    assert html.count(">You<") == 1


def test_names_are_escaped(wire: Wire, signed_in: Client) -> None:
    wire.offers(providers=[northwind(display_name="<script>alert(1)</script>")])
    assert "<script>alert" not in signed_in.get(URL).content.decode()


def test_an_empty_market_says_so(wire: Wire, signed_in: Client) -> None:
    wire.offers(providers=[])
    assert "Nobody sells here yet" in signed_in.get(URL).content.decode()


def test_without_the_exchange_it_still_renders_and_says_what_to_do(wire: Wire, signed_in: Client) -> None:
    wire.is_down()
    page = signed_in.get(URL)
    assert page.status_code == 200
    html = page.content.decode()
    assert "The Exchange cannot be reached at http://localhost:8080 (connection refused)." in html
    assert "runexchange" in html
    assert "Nobody sells here yet" not in html
    # the status beside the navigation is of now, not of before the page asked
    assert "Exchange unreachable" in html


@pytest.mark.parametrize("body", ["<html>proxy</html>", '{"providers": 3}', "[" * 100_000, b"\xff\xfe", ""])
def test_an_answer_that_is_none_is_a_sentence(wire: Wire, signed_in: Client, body: str | bytes) -> None:
    wire.answers("GET", "/services", {"services": []})
    wire.answers("GET", "/providers", body)
    page = signed_in.get(URL)
    assert page.status_code == 200
    assert "The catalogue cannot be shown now" in page.content.decode()
    assert "<p>The Exchange at http://localhost:8080" in page.content.decode()


def test_it_is_read_only(wire: Wire, signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405


def test_its_queries_do_not_grow_with_the_market(
    wire: Wire, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    services = [offer(id=number, provider_id=number % 40) for number in range(200)]
    wire.offers(*services, providers=[northwind(id=number) for number in range(40)])
    # 1 session, 2 user, 3 the account, for the market, 4 how the Exchange did, noted after the first call,
    # 5 the account as it is after the calls, for the frame of the page
    with django_assert_num_queries(5):
        signed_in.get(URL)
