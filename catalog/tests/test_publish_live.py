"""What is wrong with a field, while a person types: its message alone, by the form that judges the whole."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import ExchangeAccount
from catalog.forms import PublishForm
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire

pytestmark = pytest.mark.django_db
URL = "/catalog/services/publish/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("model_family", ""),
        ("price_per_1k_tokens", "free"),
        ("price_per_1k_tokens", "-1"),
        ("trial_tokens", "1.5"),
    ],
)
def test_it_is_what_the_form_says_of_that_field_and_no_other(
    wire: Wire, seller: Client, field: str, text: str
) -> None:
    part = seller.get(URL, {field: text}, **HTMX)
    html = part.content.decode()
    [said] = PublishForm({field: text}).errors[field]
    assert part.status_code == 200
    assert said in html.replace("&#x27;", "'")
    assert html.count("<li>") == 1
    assert "<input" not in html
    assert "<html" not in html
    assert len(wire.calls) == 0


def test_about_a_good_field_nothing_is_said(seller: Client) -> None:
    assert seller.get(URL, {"price_per_1k_tokens": "0.5"}, **HTMX).content.strip() == b""


def test_each_field_asks_about_itself_and_takes_the_answer_into_its_own_message(seller: Client) -> None:
    html = seller.get(URL).content.decode()
    asking = re.findall(r'<div class="field" hx-get="([^"]+)" hx-trigger="input delay:400ms"', html)
    assert asking == [URL] * 4
    for name in ("name", "model_family", "price_per_1k_tokens", "trial_tokens"):
        assert re.search(rf'<div class="message" id="id_{name}_message" aria-live="polite">\s*</div>', html)
        control = re.search(rf"<input[^>]* name=\"{name}\"[^>]*>", html)
        assert control
        assert re.search(rf'aria-describedby="[^"]*id_{name}_message"', control[0])


@pytest.mark.parametrize("headers", [{}, {**HTMX, "HTTP_HX_HISTORY_RESTORE_REQUEST": "true"}])
def test_an_address_opened_as_a_page_is_a_page(seller: Client, headers: dict[str, str]) -> None:
    assert "<html" in seller.get(URL, {"name": "acme"}, **headers).content.decode()


def test_it_costs_three_queries(seller: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # 1 session, 2 user, 3 the account
    with django_assert_num_queries(3):
        seller.get(URL, {"name": "acme"}, **HTMX)


def test_who_is_no_provider_is_not_told_about_fields(signed_in: Client, account: ExchangeAccount) -> None:
    part = signed_in.get(URL, {"name": "acme"}, **HTMX).content.decode()
    assert "First, become a provider" in part
    assert "<html" not in part


def test_the_preview_shows_the_offer_and_how_its_price_stands(seller: Client) -> None:
    other = make_provider()
    make_service(provider=other, family="o3", price="0.0004")
    make_service(provider=other, family="o3", price="0.0009")
    typed = {"name": "<b>x", "model_family": "o3", "price_per_1k_tokens": "0.0006", "trial_tokens": "12000"}
    html = seller.get(URL, {"preview": "1", **typed}, **HTMX).content.decode()
    for shown in (
        "&lt;b&gt;x",
        "$0.0006",
        "$0.60",
        "12,000",
        "1 of the 2 other offers of this family cost less.",
    ):
        assert shown in html
    html = seller.get(URL, {"preview": "1", **typed, "price_per_1k_tokens": "0.6"}, **HTMX).content.decode()
    assert "Is it per 1,000 tokens, not per million?" in html
    assert "This price is far above the others." in html


def test_the_preview_shows_what_is_right_of_what_is_typed(seller: Client) -> None:
    html = seller.get(URL, {"preview": "1", "name": "x", "price_per_1k_tokens": "?"}, **HTMX).content.decode()
    assert "<b>x</b>" in html
    assert "hint" not in html
    assert "<html" in seller.get(URL, {"preview": "1"}).content.decode()


def test_the_preview_costs_five_queries(
    seller: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    typed = {"preview": "1", "model_family": "o3", "price_per_1k_tokens": "0.1"}
    # 1 session, 2 user, 3 the account, 4 the offers of the family; where it has none, 5 all offers
    with django_assert_num_queries(5):
        seller.get(URL, typed, **HTMX)
    make_service(provider=make_provider(), family="o3")
    with django_assert_num_queries(4):
        seller.get(URL, typed, **HTMX)
