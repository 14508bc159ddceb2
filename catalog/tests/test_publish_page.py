from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
import requests
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog import publishing
from catalog.publish_once import Offer, take_turn
from catalog.tests.wire import REFUSED, Wire, offer

pytestmark = pytest.mark.django_db
URL = "/catalog/services/publish/"
TYPED = {
    "name": "acme-llama",
    "model_family": "llama-3.1-70b",
    "price_per_1k_tokens": "0.0007",
    "trial_tokens": "12345",
}
TYPED_SERVICE = TYPED | {"price_per_1k_tokens": 0.0007, "trial_tokens": 12345}
HTMX = {"HTTP_HX_REQUEST": "true"}


def token_of(page: HttpResponse) -> str:
    [token] = re.findall(r'name="token" value="(\w{32})"', page.content.decode())
    return str(token)


def shows_what_was_typed(html: str, **changes: str) -> bool:
    return all(f'value="{text}"' in html for text in {**TYPED, **changes}.values())


def test_it_asks_for_a_sign_in(client: Client, wire: Wire) -> None:
    came_from = {"HTTP_REFERER": f"http://testserver{URL}"}
    assert client.post(URL, TYPED, **came_from)["Location"] == f"/accounts/login/?next={URL}"
    assert len(wire.calls) == 0


def test_the_form_begins_with_the_configuration(
    seller: Client, wire: Wire, configure: Callable[..., None]
) -> None:
    configure(
        publish_name="acme-llama",
        model_family="llama-3.1-70b",
        price_per_1k=Decimal("5E-7"),
        trial_tokens=12345,
    )
    page = seller.get(URL)
    assert page.status_code == 200
    assert shows_what_was_typed(page.content.decode(), price_per_1k_tokens="0.0000005")
    assert len(wire.calls) == 0


def test_it_publishes_and_leads_to_the_own_services(
    wire: Wire, seller: Client, provider: ExchangeAccount
) -> None:
    wire.answers("POST", "/services", {"service": offer(name="acme-llama")}, status=201)
    wire.offers(offer(name="acme-llama", provider_id=provider.provider_id))
    response = seller.post(URL, TYPED)
    assert (response.status_code, response["Location"]) == (302, "/catalog/services/?mine=1")
    assert wire.sent("/services") == [
        {
            "provider_id": provider.provider_id,
            "name": "acme-llama",
            "model_family": "llama-3.1-70b",
            "price_per_1k_tokens": Decimal("0.0007"),
            "trial_tokens": 12345,
        }
    ]
    assert "acme-llama is on offer." in seller.get(response["Location"]).content.decode()


def test_with_htmx_the_browser_itself_is_sent_on(wire: Wire, seller: Client) -> None:
    wire.answers("POST", "/services", {"service": offer(name="acme-llama")})
    wire.offers(offer())
    response = seller.post(URL, TYPED, **HTMX)
    assert (response.status_code, response["HX-Redirect"]) == (200, "/catalog/services/?mine=1")
    # a redirect followed by htmx itself would have used the message up
    assert "acme-llama is on offer." in seller.get("/catalog/services/?mine=1").content.decode()


def test_another_accounts_provider_cannot_be_named(
    wire: Wire, seller: Client, provider: ExchangeAccount
) -> None:
    other = make_account(provider=True)
    wire.answers("POST", "/services", {"service": offer()})
    seller.post(URL, {**TYPED, "provider_id": str(other.provider_id), "user_id": "1"})
    assert [sent["provider_id"] for sent in wire.sent("/services")] == [provider.provider_id]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_refusal_shows_each_rule_and_keeps_what_was_typed(
    wire: Wire, seller: Client, headers: dict[str, str]
) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    page = seller.post(URL, TYPED, **headers)
    html = page.content.decode()
    assert page.status_code == 422
    for rule in REFUSED["rules"]:
        assert rule["id"] in html
    assert "5 USD is above the ceiling of 1 USD." in html
    assert "A name may not contain &quot;leaked&quot;." in html
    assert shows_what_was_typed(html)
    assert ("<html" in html) == (not headers)


def test_another_refusal_is_shown_in_the_exchanges_words(wire: Wire, seller: Client) -> None:
    wire.answers("POST", "/services", {"error": "There is no provider 4."}, status=404)
    page = seller.post(URL, TYPED)
    assert page.status_code == 422
    assert "There is no provider 4." in page.content.decode()
    assert shows_what_was_typed(page.content.decode())


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_without_the_exchange_publishing_waits_and_keeps_what_was_typed(
    wire: Wire, seller: Client, headers: dict[str, str]
) -> None:
    wire.is_down()
    page = seller.post(URL, TYPED, **headers)
    html = page.content.decode()
    assert page.status_code == 503
    assert "The Exchange cannot be reached" in html
    assert shows_what_was_typed(html)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_lost_answer_is_settled_by_looking_and_said(
    wire: Wire, seller: Client, provider: ExchangeAccount, headers: dict[str, str]
) -> None:
    wire.answers("POST", "/services", requests.ConnectionError("reset"))
    wire.offers(offer(**TYPED_SERVICE, provider_id=provider.provider_id))
    response = seller.post(URL, TYPED, **headers)
    where = response.get("HX-Redirect") or response["Location"]
    assert where == "/catalog/services/?mine=1"
    said = "acme-llama is on offer: the answer was lost, so the Exchange was asked, and has it."
    assert said in seller.get(where).content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_what_was_lost_on_the_way_is_said_not_to_be_published(
    wire: Wire, seller: Client, headers: dict[str, str]
) -> None:
    wire.answers("POST", "/services", requests.ConnectionError("reset"))
    wire.offers()
    page = seller.post(URL, TYPED, **headers)
    assert page.status_code == 503
    assert "It was not published, and nothing you typed is lost." in page.content.decode()
    assert shows_what_was_typed(page.content.decode())


def test_where_nobody_can_look_the_next_press_of_this_form_looks_first(
    wire: Wire, seller: Client, provider: ExchangeAccount
) -> None:
    wire.answers("POST", "/services", status=501)
    wire.answers("GET", "/services", requests.ConnectionError("reset"))
    page = seller.post(URL, TYPED | {"token": token_of(seller.get(URL))})
    assert page.status_code == 504
    assert "It is not known whether this was published" in page.content.decode()
    assert shows_what_was_typed(page.content.decode())
    wire.reset()
    wire.offers(offer(**TYPED_SERVICE, provider_id=provider.provider_id))
    again = seller.post(URL, TYPED | {"token": token_of(page)})
    assert again["Location"] == "/catalog/services/?mine=1"
    assert [call.request.method for call in wire.calls] == ["GET"], "nothing was sent"


def test_the_same_form_sent_again_publishes_once(wire: Wire, seller: Client) -> None:
    wire.answers("POST", "/services", {"service": offer(name="acme-llama")}, status=201)
    form = TYPED | {"token": token_of(seller.get(URL))}
    assert [seller.post(URL, form)["Location"] for _click in range(2)] == ["/catalog/services/?mine=1"] * 2
    assert len(wire.sent("/services")) == 1
    # with a change it is another wish, and so is another form
    assert seller.post(URL, form | {"trial_tokens": "9"}).status_code == 302
    assert (
        seller.post(URL, form | {"trial_tokens": "9", "token": token_of(seller.get(URL))}).status_code == 302
    )
    assert len(wire.sent("/services")) == 3


def test_a_refused_form_keeps_its_token(wire: Wire, seller: Client) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    token = token_of(seller.get(URL))
    assert token_of(seller.post(URL, TYPED | {"token": token})) == token
    assert token_of(seller.get(URL)) != token


def test_while_it_is_being_published_elsewhere_it_is_said(
    wire: Wire, seller: Client, provider: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PAGE_DEADLINE", 0)
    take_turn(provider, Offer(name="acme-llama", model_family="m", price_per_1k_tokens=Decimal(1)), wait=0)
    page = seller.post(URL, TYPED)
    assert page.status_code == 409
    assert "is being published at this moment" in page.content.decode()
    assert shows_what_was_typed(page.content.decode())
    assert len(wire.calls) == 0


@pytest.mark.parametrize(
    ("field", "label", "text"),
    [
        ("price_per_1k_tokens", "Price, USD per 1,000 tokens", "-1"),
        ("price_per_1k_tokens", "Price, USD per 1,000 tokens", "1e999"),
        ("price_per_1k_tokens", "Price, USD per 1,000 tokens", "free"),
        ("price_per_1k_tokens", "Price, USD per 1,000 tokens", ""),
        ("trial_tokens", "Trial tokens", str(10**30)),
        ("name", "Service name", "a\x00b"),
        ("model_family", "Model family", ""),
    ],
)
def test_nonsense_names_the_field_and_is_not_sent(
    wire: Wire, seller: Client, field: str, label: str, text: str
) -> None:
    page = seller.post(URL, {**TYPED, field: text})
    assert page.status_code == 422
    assert f'<a href="#id_{field}">{label}</a>' in page.content.decode()
    assert 'aria-invalid="true"' in page.content.decode()
    assert len(wire.calls) == 0


def test_a_zero_with_a_huge_exponent_is_a_zero(wire: Wire, seller: Client) -> None:
    wire.answers("POST", "/services", {"service": offer()})
    assert seller.post(URL, {**TYPED, "price_per_1k_tokens": "0e999"}).status_code == 302
    assert wire.sent("/services")[0]["price_per_1k_tokens"] == 0


def test_an_address_can_fill_the_form_in(seller: Client) -> None:
    page = seller.get(URL, {"name": "acme", "price_per_1k_tokens": "0.5", "token": "0" * 32, "odd": "1"})
    assert 'value="acme"' in page.content.decode()
    assert 'value="0.5"' in page.content.decode()
    assert token_of(page) != "0" * 32


def test_caches_keep_page_and_partial_apart(seller: Client) -> None:
    assert "HX-Request" in seller.get(URL)["Vary"]


def test_back_in_the_browsers_history_it_is_a_whole_page(seller: Client) -> None:
    page = seller.get(URL, HTTP_HX_REQUEST="true", HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<html" in page.content.decode()


def test_other_methods_are_refused(seller: Client) -> None:
    assert seller.put(URL).status_code == 405


def test_its_queries(wire: Wire, seller: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # 1 session, 2 user, 3 the account, 4 the account for the frame of the page,
    # 5 whether the books differ
    with django_assert_num_queries(5):
        seller.get(URL)
    wire.answers("POST", "/services", REFUSED, status=400)
    seller.post(URL, TYPED)
    # the same, and: 6 what the price of this name is now, 7 the turn of this name, 8 taken, 9 how it went,
    # 10 whether the name is on offer, 11 the audit event, 12-13 the savepoint around both.
    # How the Exchange did is written every thirty seconds at most
    with django_assert_num_queries(13):
        seller.post(URL, TYPED)


def test_its_queries_when_it_publishes(
    wire: Wire, seller: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    wire.answers("POST", "/services", {"service": offer(name="acme-llama")})
    seller.post(URL, TYPED)
    # 1 session, 2 user, 3 the account, 4 the price of now, 5 the turn, 6 taken, 7 is the name on offer,
    # then the mirror and the audit event with a savepoint around them, how it went, and the notice
    with django_assert_max_num_queries(22):
        seller.post(URL, TYPED)
