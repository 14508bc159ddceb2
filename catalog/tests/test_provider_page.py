from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_exchange
from accounts.models import ExchangeAccount
from catalog import consumption
from catalog.paging import PAGE_SIZE
from catalog.tests.mirrored import LONG_AGO, make_mirror, make_provider, make_service, reprice
from catalog.tests.wire import Wire

pytestmark = pytest.mark.django_db
URL = "/catalog/providers/3/"


@pytest.fixture(autouse=True)
def _no_call(wire: Wire) -> Iterator[None]:
    """No page of this file may ask the Exchange anything."""
    wire.is_down()
    yield
    assert len(wire.calls) == 0


def use(monkeypatch: pytest.MonkeyPatch, used: Mapping[int, int] | None) -> None:
    monkeypatch.setattr(consumption, "_source", lambda account, since, until: used)


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"


def test_it_shows_the_profile_and_what_is_on_offer(signed_in: Client) -> None:
    make_mirror()
    northwind = make_provider(number=3)
    make_service(provider=northwind, name="Dear", price="2")
    make_service(provider=northwind, name="Cheap", price="1")
    make_service(provider=northwind, name="Over", delisted=True)
    make_service(provider=make_provider(), name="Somebody else's")
    html = signed_in.get(URL).content.decode()
    assert "In two regions" in html
    assert html.index("Cheap") < html.index("Dear")
    assert "and 1 no longer offered" in html
    assert "Over" not in html
    assert "Somebody else" not in html
    assert "?provider=3&amp;delisted=1" in html
    assert "1 Jan 2026" in html


def test_a_long_list_goes_on_in_the_services(signed_in: Client) -> None:
    northwind = make_provider(number=3)
    for number in range(PAGE_SIZE + 1):
        make_service(provider=northwind, price=str(number))
    html = signed_in.get(URL).content.decode()
    assert html.count('<th scope="row">') == PAGE_SIZE
    assert 'href="/catalog/services/?provider=3"' in html
    assert f"Search and compare all {PAGE_SIZE + 1}" in html


def test_who_sells_nothing_yet_is_led_to_publishing(seller: Client, provider: ExchangeAccount) -> None:
    make_provider(number=provider.provider_id)
    html = seller.get(f"/catalog/providers/{provider.provider_id}/").content.decode()
    assert "You have not published a service" in html


def test_it_shows_what_the_prices_did(signed_in: Client) -> None:
    service = make_service(provider=make_provider(number=3), price="0.01", number=11)
    html = signed_in.get(URL).content.decode()
    assert "No price of this provider has changed" in html
    reprice(service, "0.005", LONG_AGO + timedelta(days=3))
    html = signed_in.get(URL).content.decode()
    for shown in ("4 Jan 2026", "$0.01", "$0.005", "−50.0\N{NO-BREAK SPACE}%"):
        assert shown in html


def test_it_is_honest_about_what_cannot_be_known(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_provider(number=3)
    use(monkeypatch, None)
    html = signed_in.get(URL).content.decode()
    assert "not known yet" in html
    assert "tokens in the last 30 days" not in html


def test_it_adds_up_what_was_consumed_there_and_nowhere_else(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    northwind = make_provider(number=3)
    for number, gone in ((11, False), (12, True), (13, False)):
        make_service(provider=northwind, number=number, delisted=gone)
    make_service(provider=make_provider(), number=14)
    use(monkeypatch, {11: 1000, 12: 234, 14: 5_000_000, 99: 7})
    html = signed_in.get(URL).content.decode()
    assert ">1,234<" in html
    assert "tokens in the last 30 days" in html
    assert "not known yet" not in html


def test_none_is_a_figure(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_provider(number=3)
    use(monkeypatch, {})
    html = signed_in.get(URL).content.decode()
    assert ">0 tokens<" in html
    assert "not known yet" not in html


def test_ones_own_is_marked(seller: Client, provider: ExchangeAccount) -> None:
    make_provider(number=provider.provider_id, name="Acme")
    html = seller.get(f"/catalog/providers/{provider.provider_id}/").content.decode()
    assert ">You<" in html
    make_provider(number=3)
    assert ">You<" not in seller.get(URL).content.decode()


def test_who_left_is_still_shown(signed_in: Client) -> None:
    make_provider(number=3, delisted=True)
    assert "This provider has left." in signed_in.get(URL).content.decode()


@pytest.mark.parametrize("number", ["4", "0", str(2**63), "9" * 40])
def test_an_unknown_number_is_not_found(signed_in: Client, number: str) -> None:
    make_provider(number=3)
    assert signed_in.get(f"/catalog/providers/{number}/").status_code == 404


def test_another_exchanges_is_not_found(signed_in: Client) -> None:
    make_provider(number=3, exchange=make_exchange(base_url="http://elsewhere.example"))
    assert signed_in.get(URL).status_code == 404


def test_its_queries(signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    northwind = make_provider(number=3)
    for number in range(60):
        reprice(make_service(provider=northwind), "7", LONG_AGO + timedelta(days=number + 1))
    # 1 session, 2 user, 3 the account, 4 the provider, 5 how much it offers, 6 what was consumed in 30 days,
    # 7 what it offers, 8 its last price changes, 9 how old the mirror is, 10 whether the books differ
    with django_assert_num_queries(10):
        signed_in.get(URL)
