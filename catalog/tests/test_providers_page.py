from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import ExchangeAccount
from catalog.paging import PAGE_SIZE
from catalog.tests.mirrored import LONG_AGO, make_mirror, make_provider, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("asks_nobody")]
URL = "/catalog/providers/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def names_on(html: str) -> list[str]:
    return re.findall(r'<a href="/catalog/providers/\d+/">([^<]*)</a></h2>', html)


def test_it_asks_for_a_sign_in(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={URL}")


def test_it_shows_every_provider(seller: Client, provider: ExchangeAccount) -> None:
    make_mirror()
    northwind = make_provider(number=3)
    make_provider(number=provider.provider_id, name="acme", description="")
    make_provider(name="Left long ago", delisted=True)
    for gone in (False, False, True):
        make_service(provider=northwind, delisted=gone)
    html = seller.get(URL).content.decode()
    assert names_on(html) == ["acme", "Northwind"]
    assert "In two regions" in html
    assert "No description given." in html
    assert "2 services" in html
    assert html.count(">You<") == 1
    assert 'href="/catalog/providers/3/"' in html


def test_names_are_escaped(signed_in: Client) -> None:
    make_provider(name="<script>alert(1)</script>")
    assert "<script>alert" not in signed_in.get(URL).content.decode()


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", ["alpha", "Beta", "gamma"]),
        ("-name", ["gamma", "Beta", "alpha"]),
        ("-offers", ["gamma", "alpha", "Beta"]),
        ("newest", ["Beta", "gamma", "alpha"]),
        ("x\x00", ["alpha", "Beta", "gamma"]),
    ],
)
def test_its_orders(signed_in: Client, sort: str, names: list[str]) -> None:
    for place, (name, offers) in enumerate({"alpha": 1, "gamma": 2, "Beta": 1}.items()):
        seller = make_provider(name=name, listed_at=LONG_AGO + timedelta(days=place))
        for _ in range(offers):
            make_service(provider=seller)
    assert names_on(signed_in.get(URL, {"sort": sort}).content.decode()) == names


def test_it_finds_by_words_and_shows_who_left_on_wish(signed_in: Client) -> None:
    make_mirror()
    make_provider(name="Ätna")
    make_provider(name="Fjord", description="ÄLTER")
    make_provider(name="Ägäis", delisted=True)
    make_provider(name="Zen")
    assert names_on(signed_in.get(URL, {"q": "ä"}).content.decode()) == ["Fjord", "Ätna"]
    html = signed_in.get(URL, {"q": "ägä", "delisted": "1"}).content.decode()
    assert names_on(html) == ["Ägäis"]
    assert ">Left<" in html
    assert "No provider fits" in signed_in.get(URL, {"q": "nobody"}).content.decode()


def test_htmx_gets_the_list_with_its_address(signed_in: Client) -> None:
    make_provider()
    page = signed_in.get(URL, {"q": "north", "sort": "name"}, **HTMX)
    assert page.content.decode().strip().startswith("<section")
    assert page["HX-Push-Url"] == f"{URL}?q=north"
    assert "HX-Request" in page["Vary"]
    whole = signed_in.get(URL, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<!doctype html>" in whole.content.decode()


def test_it_turns_its_pages(signed_in: Client) -> None:
    for number in range(PAGE_SIZE + 2):
        make_provider(name=f"P{number:03}")
    assert names_on(signed_in.get(URL, {"page": "2"}).content.decode()) == [
        f"P{PAGE_SIZE:03}",
        f"P{PAGE_SIZE + 1:03}",
    ]
    beyond = signed_in.get(URL, {"page": "3"})
    assert beyond.status_code == 404
    assert "This list has 2 pages." in beyond.content.decode()


def test_an_empty_market_says_so(signed_in: Client) -> None:
    make_mirror()
    assert "Nobody sells here yet" in signed_in.get(URL).content.decode()


def test_a_market_that_was_never_fetched_does_not_say_that_nobody_sells(signed_in: Client) -> None:
    html = signed_in.get(URL).content.decode()
    assert "The catalogue has not been fetched yet" in html
    assert "Nobody sells here yet" not in html


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405


@pytest.mark.parametrize("sort", ["name", "-offers"])
def test_its_queries_do_not_grow_with_the_market(
    signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries, sort: str
) -> None:
    for number in range(70):
        make_service(provider=make_provider(name=f"P{number}"))
    # 1 session, 2 user, 3 the account, 4 how many there are, 5 this page's, 6 how many services each of them
    # has, 7 how old the mirror is, 8 whether the books differ
    with django_assert_num_queries(8):
        signed_in.get(URL, {"sort": sort})
