from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire, northwind, offer

pytestmark = pytest.mark.django_db
URL = "/catalog/services/"


def test_it_asks_for_a_sign_in(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={URL}")


def test_it_shows_prices_exactly(wire: Wire, signed_in: Client) -> None:
    wire.offers(offer(price_per_1k_tokens=0.0007), offer(id=12, name="Cheap", price_per_1k_tokens=1e-07))
    html = signed_in.get(URL).content.decode()
    assert "$0.0007" in html
    assert "$0.70" in html
    assert "$0.0000001" in html
    assert "$0.0001" in html
    assert "Northwind" in html
    assert "/usage/record/?service=11" in html


def test_mine_shows_what_the_account_publishes(wire: Wire, seller: Client, provider: ExchangeAccount) -> None:
    own = northwind(id=provider.provider_id, display_name="Acme")
    wire.offers(
        offer(),
        offer(id=12, name="acme-llama", provider_id=provider.provider_id),
        providers=[northwind(), own],
    )
    html = seller.get(URL, {"mine": "1"}).content.decode()
    assert "acme-llama" in html
    assert "GPT-4o, EU" not in html


def test_mine_never_shows_another_accounts(wire: Wire, signed_in: Client) -> None:
    other = make_account(provider=True)
    wire.offers(offer(provider_id=other.provider_id))
    html = signed_in.get(URL, {"mine": "1", "provider_id": str(other.provider_id)}).content.decode()
    assert "GPT-4o, EU" not in html
    assert "You are not a provider yet" in html


def test_a_provider_without_services_is_led_to_publishing(wire: Wire, seller: Client) -> None:
    wire.offers(offer())
    html = seller.get(URL, {"mine": "1"}).content.decode()
    assert "You have not published a service" in html
    assert 'href="/catalog/services/publish/"' in html


def test_who_is_no_provider_is_not_offered_to_publish(wire: Wire, signed_in: Client) -> None:
    wire.offers(offer())
    assert 'href="/catalog/services/publish/"' not in signed_in.get(URL).content.decode()


@pytest.mark.parametrize("query", ["mine=", "mine=2", "mine=%00", "mine=%FF", "x=1"])
def test_what_it_does_not_know_in_the_address_changes_nothing(
    wire: Wire, signed_in: Client, query: str
) -> None:
    wire.offers(offer())
    page = signed_in.get(f"{URL}?{query}")
    assert page.status_code == 200
    assert "GPT-4o, EU" in page.content.decode()


def test_an_empty_market_says_so(wire: Wire, signed_in: Client) -> None:
    wire.offers(providers=[])
    assert "Nothing is sold here yet" in signed_in.get(URL).content.decode()


def test_without_the_exchange_it_still_renders(wire: Wire, signed_in: Client) -> None:
    wire.is_down()
    page = signed_in.get(URL)
    assert page.status_code == 200
    html = page.content.decode()
    assert "The Exchange cannot be reached" in html
    assert "Nothing is sold here yet" not in html


def test_an_account_that_waits_for_registration_sees_the_market(wire: Wire, client: Client) -> None:
    client.force_login(make_account(registered=False).user)
    wire.offers(offer())
    html = client.get(URL).content.decode()
    assert "GPT-4o, EU" in html
    assert "You are not registered at the Exchange yet." in html


def test_its_queries_do_not_grow_with_the_market(
    wire: Wire, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    wire.offers(*[offer(id=number) for number in range(300)])
    # 1 session, 2 user, 3 the account, for the market, 4 how the Exchange did, noted after the first call,
    # 5 the account as it is after the calls, for the frame of the page
    with django_assert_num_queries(5):
        signed_in.get(URL)
