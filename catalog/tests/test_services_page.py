from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from catalog.paging import PAGE_SIZE
from catalog.tests.mirrored import make_mirror, make_provider, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("asks_nobody")]
URL = "/catalog/services/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def names_on(html: str) -> list[str]:
    return re.findall(r'<th scope="row">.*?<a [^>]*>([^<]*)</a>', html, re.DOTALL)


def test_it_asks_for_a_sign_in(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={URL}")


def test_it_is_read_only(signed_in: Client) -> None:
    assert signed_in.post(URL).status_code == 405


def test_it_shows_prices_exactly(signed_in: Client) -> None:
    make_mirror()
    seller = make_provider()
    make_service(provider=seller, number=11, price="0.0007")
    make_service(provider=seller, name="Cheap", price="0.0000001")
    html = signed_in.get(URL).content.decode()
    assert names_on(html) == ["Cheap", "GPT-4o, EU"]
    for shown in ("$0.0007", "$0.70", "$0.0000001", "$0.0001", "Northwind", "As of"):
        assert shown in html
    assert 'href="/catalog/services/11/"' in html
    assert f'href="/catalog/providers/{seller.remote_id}/"' in html
    assert "/usage/record/?service=11" in html


def test_names_are_escaped(signed_in: Client) -> None:
    make_service(provider=make_provider(name="<b>x"), name="<script>alert(1)</script>", family='"><i>')
    html = signed_in.get(URL).content.decode()
    assert not any(text in html for text in ("<script>alert", "<b>x", '"><i>'))


def test_all_of_it_is_in_the_address_without_javascript(signed_in: Client) -> None:
    make_mirror()
    seller = make_provider(number=4, name="Ätna")
    make_service(provider=seller, name="Yes", family="o3", price="0.5", trial=1)
    make_service(provider=seller, name="Yes, gone", family="o3", price="0.4", trial=1, delisted=True)
    make_service(provider=seller, name="Dear", family="o3", price="0.51", trial=1)
    make_service(provider=seller, name="No trial", family="o3", price="0.1")
    make_service(provider=seller, name="Other family", family="o4", price="0.1", trial=1)
    make_service(provider=make_provider(), name="Other provider", family="o3", price="0.1", trial=1)
    asked = {
        "q": "äTNA",
        "family": "o3",
        "provider": "4",
        "max_price": "0.50",
        "trial": "1",
        "delisted": "1",
        "sort": "-price",
        "mine": "",
    }
    html = signed_in.get(URL, asked).content.decode()
    assert names_on(html) == ["Yes", "Yes, gone"]
    assert "<!doctype html>" in html
    # the form shows what was asked, so that it can be changed
    for shown in (
        'value="äTNA"',
        '<option value="o3" selected>',
        '<option value="4" selected>Ätna',
        'value="0.50"',
        'name="trial" value="1" checked',
        'name="delisted" value="1" checked',
        '<option value="-price" selected>',
    ):
        assert shown in html
    assert ">Gone<" in html


def test_each_filter_that_is_set_can_be_taken_off_alone(signed_in: Client) -> None:
    make_mirror()
    make_service(provider=make_provider(number=4, name="Ätna"), family="o3", price="0.5", trial=1)
    asked = {"q": "o3", "family": "o3", "provider": "4", "max_price": "0.50", "trial": "1", "sort": "name"}
    html = signed_in.get(URL, asked).content.decode()
    links = dict(re.findall(r'id="without-([a-z_]+)" href="([^"]+)"', html))
    assert links.keys() == {"family", "provider", "max_price", "trial", "any"}
    assert links["trial"] == f"{URL}?q=o3&amp;family=o3&amp;provider=4&amp;max_price=0.50&amp;sort=name"
    assert links["any"] == f"{URL}?sort=name"
    for words in ("Ätna", "Up to $0.50 per 1K", "With trial tokens"):
        assert f'title="{words}"' in html


def test_without_filters_there_is_nothing_to_take_off(signed_in: Client) -> None:
    make_service(provider=make_provider())
    assert 'id="without-' not in signed_in.get(URL).content.decode()


def test_whose_filter_is_taken_off_sees_it_in_the_form(signed_in: Client) -> None:
    make_mirror()
    make_service(provider=make_provider(), trial=1)
    page = signed_in.get(URL, {"max_price": "9"}, **HTMX, HTTP_HX_TRIGGER="without-trial")
    html = page.content.decode()
    assert 'id="filters" hx-swap-oob="true"' in html
    assert 'name="trial" value="1" data-at-once' in html
    assert 'value="9"' in html
    # while one types, the form is left alone
    assert 'id="filters"' not in signed_in.get(URL, {"max_price": "9"}, **HTMX).content.decode()


def test_beside_each_family_stands_its_count(signed_in: Client) -> None:
    seller = make_provider()
    for family in ("o3", "o3", "gpt-4o"):
        make_service(provider=seller, family=family)
    html = signed_in.get(URL, {"family": "gpt-4o"}).content.decode()
    assert 'value="o3">o3 (2)' in html
    assert 'value="gpt-4o" selected>gpt-4o (1)' in html


def test_htmx_gets_the_list_with_its_address_and_its_counts(signed_in: Client) -> None:
    make_mirror()
    make_service(provider=make_provider(), name="One")
    asked = {"q": "one", "family": "", "max_price": "", "sort": "price", "mine": ""}
    page = signed_in.get(URL, asked, **HTMX, HTTP_HX_CURRENT_URL=f"http://testserver{URL}")
    html = page.content.decode()
    assert html.strip().startswith("<section")
    assert "<html" not in html
    assert names_on(html) == ["One"]
    # what is empty or usual does not belong into an address
    assert page["HX-Push-Url"] == f"{URL}?q=one"
    assert 'hx-swap-oob="innerHTML:#id_family"' in html
    assert 'data-announce="1 service"' in html


def test_a_list_that_loads_itself_again_is_not_pushed(signed_in: Client) -> None:
    here = f"http://testserver{URL}?q=one"
    page = signed_in.get(URL, {"q": "one"}, **HTMX, HTTP_HX_CURRENT_URL=here, HTTP_HX_TRIGGER="results")
    assert "HX-Push-Url" not in page
    # after the first fetch there are providers to choose from
    assert 'hx-swap-oob="innerHTML:#id_provider"' in page.content.decode()


def test_after_the_back_button_it_is_the_whole_page(signed_in: Client) -> None:
    page = signed_in.get(URL, {"q": "x"}, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<!doctype html>" in page.content.decode()
    assert "HX-Push-Url" not in page


@pytest.mark.parametrize("more", [{}, HTMX])
def test_a_cache_keeps_part_and_page_apart(signed_in: Client, more: dict[str, str]) -> None:
    assert "HX-Request" in signed_in.get(URL, **more)["Vary"]


def test_sort_links_keep_the_filters_and_turn_around(signed_in: Client) -> None:
    make_service(provider=make_provider(), trial=5)
    html = signed_in.get(URL, {"trial": "1", "page": "1", "sort": "name"}).content.decode()
    assert f'id="sort-name" href="{URL}?trial=1&amp;sort=-name"' in html
    assert f'id="sort-price" href="{URL}?trial=1&amp;sort=price"' in html
    assert html.count('aria-sort="ascending"') == 1
    assert f'id="sort-trial" href="{URL}?trial=1&amp;sort=-trial"' in html


def test_it_turns_the_pages_and_keeps_what_was_asked(signed_in: Client) -> None:
    seller = make_provider()
    for number in range(PAGE_SIZE * 2 + 1):
        make_service(provider=seller, name=f"S{number:03}", price=str(number))
    first = signed_in.get(URL, {"q": "S"}).content.decode()
    assert names_on(first) == [f"S{number:03}" for number in range(PAGE_SIZE)]
    assert f"1 to {PAGE_SIZE} of <b>{PAGE_SIZE * 2 + 1} services</b>" in first
    assert f'rel="next" href="{URL}?q=S&amp;page=2"' in first
    assert 'rel="prev"' not in first
    last = signed_in.get(URL, {"q": "S", "page": "3"}).content.decode()
    assert names_on(last) == [f"S{PAGE_SIZE * 2:03}"]
    assert f"{PAGE_SIZE * 2 + 1} to {PAGE_SIZE * 2 + 1} of" in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize("more", [{}, HTMX])
def test_beyond_the_end_it_says_where_the_end_is(signed_in: Client, more: dict[str, str]) -> None:
    make_service(provider=make_provider())
    page = signed_in.get(URL, {"page": "7"}, **more)
    html = page.content.decode()
    assert page.status_code == 404
    assert "There is no page 7" in html
    assert "This list has 1 page." in html
    assert f'href="{URL}?page=1"' in html


@pytest.mark.parametrize("query", ["mine=2", "mine=%00", "mine=%FF", "x=1", "page=%00", "sort=%00", "page=0"])
def test_what_it_does_not_know_in_the_address_changes_nothing(signed_in: Client, query: str) -> None:
    make_service(provider=make_provider())
    page = signed_in.get(f"{URL}?{query}")
    assert page.status_code == 200
    assert names_on(page.content.decode()) == ["GPT-4o, EU"]


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("max_price=abc", "Highest price"),
        ("q=%00", "Search"),
        ("provider=x", "Provider"),
        ("family=%00", "Model family"),
    ],
)
def test_what_is_not_understood_is_named_and_left_out(signed_in: Client, query: str, label: str) -> None:
    make_service(provider=make_provider())
    page = signed_in.get(f"{URL}?{query}")
    html = page.content.decode()
    assert page.status_code == 200
    assert f"<b>{label}</b>:" in html
    assert "This was left out." in html
    assert names_on(html) == ["GPT-4o, EU"]


def test_what_was_never_fetched_is_no_list_without_a_match(signed_in: Client) -> None:
    html = signed_in.get(URL, {"q": "x"}).content.decode()
    assert "The catalogue has not been fetched yet" in html
    assert "No service fits" not in html


def test_no_match_is_no_empty_market(signed_in: Client) -> None:
    make_mirror()
    make_service(provider=make_provider())
    html = signed_in.get(URL, {"q": "nothing like it"}).content.decode()
    assert "No service fits" in html
    assert "Nothing is sold here yet" not in html


def test_an_empty_market_says_so(signed_in: Client) -> None:
    make_mirror()
    assert "Nothing is sold here yet" in signed_in.get(URL).content.decode()


def test_mine_shows_what_the_account_publishes(seller: Client, provider: ExchangeAccount) -> None:
    make_service(provider=make_provider())
    make_service(provider=make_provider(number=provider.provider_id, name="Acme"), name="acme-llama")
    html = seller.get(URL, {"mine": "1"}).content.decode()
    assert names_on(html) == ["acme-llama"]
    assert ">Yours<" in html


def test_mine_never_shows_another_accounts(signed_in: Client) -> None:
    make_mirror()
    other = make_account(provider=True)
    make_service(provider=make_provider(number=other.provider_id))
    html = signed_in.get(URL, {"mine": "1"}).content.decode()
    assert names_on(html) == []
    assert "You are not a provider yet" in html
    assert ">Yours<" not in signed_in.get(URL).content.decode()


def test_another_exchanges_services_are_not_seen(signed_in: Client) -> None:
    elsewhere = make_exchange(base_url="http://elsewhere.example")
    make_service(provider=make_provider(number=1, exchange=elsewhere), name="Elsewhere")
    assert "Elsewhere" not in signed_in.get(URL, {"delisted": "1"}).content.decode()


def test_a_provider_without_services_is_led_to_publishing(seller: Client) -> None:
    make_mirror()
    html = seller.get(URL, {"mine": "1"}).content.decode()
    assert "You have not published a service" in html
    assert 'href="/catalog/services/publish/"' in html


def test_who_is_no_provider_is_not_offered_to_publish(signed_in: Client) -> None:
    assert 'href="/catalog/services/publish/"' not in signed_in.get(URL).content.decode()


def test_an_account_that_waits_for_registration_sees_the_market(client: Client) -> None:
    client.force_login(make_account(registered=False).user)
    make_service(provider=make_provider())
    html = client.get(URL).content.decode()
    assert "GPT-4o, EU" in html
    assert "You are not registered at the Exchange yet." in html


def test_two_to_five_can_be_ticked_to_be_compared(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11)
    html = signed_in.get(URL).content.decode()
    assert 'type="checkbox" form="compare" name="service" value="11"' in html
    assert 'id="compare" method="get" action="/catalog/compare/"' in html


# ---- how old it is -------------------------------------------------------------------------------------


def test_a_mirror_that_was_never_filled_fetches_itself_after_the_page(signed_in: Client) -> None:
    html = signed_in.get(URL).content.decode()
    assert re.search(r'<form class="as-of"[^>]*hx-trigger="submit, load"', html)
    assert 'class="ghost"' in html
    assert "Not fetched yet" in html
    # without JavaScript there is a button
    assert "Fetch the catalogue" in html


def test_a_fresh_one_asks_nothing(signed_in: Client) -> None:
    make_mirror(age=timedelta(seconds=10))
    assert 'hx-trigger="submit, load"' not in signed_in.get(URL).content.decode()


def test_an_old_one_is_shown_and_fetched_anew(signed_in: Client) -> None:
    make_mirror(age=timedelta(hours=3))
    make_service(provider=make_provider())
    html = signed_in.get(URL).content.decode()
    assert names_on(html) == ["GPT-4o, EU"]
    assert "3\N{NO-BREAK SPACE}hours ago" in html
    assert 'hx-trigger="submit, load"' in html


def test_after_a_failure_it_says_so_and_leaves_the_exchange_in_peace(signed_in: Client) -> None:
    make_mirror(age=timedelta(hours=3), failure="It cannot be reached.", failed_ago=timedelta(seconds=5))
    make_service(provider=make_provider())
    html = signed_in.get(URL).content.decode()
    assert names_on(html) == ["GPT-4o, EU"]
    assert "It cannot be reached." in html
    assert "Below is the catalogue as it was last fetched." in html
    assert 'hx-trigger="submit, load"' not in html


# ---- what it costs -------------------------------------------------------------------------------------

# 1 session, 2 user, 3 the account, 4 families with their counts, 5 the page's keys, 6 its rows with their
# providers, 7 providers to choose from, 8 how old the mirror is, 9 whether the books differ
PAGE = 9
# by provider two more: how many each has, the providers in order; with many providers two more: who has most,
# and their names
MOST = 13


@pytest.mark.parametrize(
    ("asked", "queries"),
    [
        ({}, PAGE),
        ({"q": "s", "family": "gpt-4o", "max_price": "5", "trial": "1"}, PAGE),
        ({"page": "3"}, PAGE),
        ({"provider": "1", "delisted": "1", "sort": "newest"}, PAGE),
        ({"sort": "provider", "page": "2"}, PAGE + 2),
    ],
)
def test_its_queries_are_counted(
    signed_in: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    asked: dict[str, str],
    queries: int,
) -> None:
    sellers = [make_provider(number=number + 1, name=f"P{number}") for number in range(30)]
    for number in range(PAGE_SIZE * 3):
        make_service(provider=sellers[number % 30], name=f"S{number}", price="0.1", trial=1)
    with django_assert_num_queries(queries):
        assert signed_in.get(URL, asked).status_code == 200


def test_its_queries_do_not_grow_with_the_providers(
    signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(130):
        make_service(provider=make_provider(number=number, name=f"P{number}"))
    make_service(provider=make_provider(number=500, name="Zuletzt"))
    with django_assert_num_queries(MOST):
        html = signed_in.get(URL, {"sort": "provider", "provider": ""}).content.decode()
    # a list of thousands is no list: these are the ones with most
    assert html.count("<option") < 150
    with django_assert_num_queries(MOST - 2 + 1):
        html = signed_in.get(URL, {"provider": "500"}).content.decode()
    assert '<option value="500" selected>Zuletzt' in html
    # and the part has no list of providers at all: neither of the three;
    # nor the banner of the books
    with django_assert_num_queries(PAGE - 2):
        signed_in.get(URL, **HTMX)
