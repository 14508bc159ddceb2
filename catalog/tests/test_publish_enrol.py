"""Who is no provider becomes one on the publish page, and goes on with what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import ExchangeAccount
from catalog.tests.wire import REFUSED, Wire, told

pytestmark = pytest.mark.django_db
URL = "/catalog/services/publish/"
HTMX = {"HTTP_HX_REQUEST": "true"}
TYPED = {
    "name": "acme & llama",
    "model_family": "llama-3.1-70b",
    "price_per_1k_tokens": "0.0007",
    "trial_tokens": "12345",
}
ENROL = {"step": "enrol", "display_name": "Acme Inference", "description": "In two regions"}
both_ways = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])


def enrolled(account: ExchangeAccount) -> dict[str, Any]:
    document = told(account, roles=["consumer", "provider"])
    user_id = document["user"]["id"]
    return document | {"provider": {"id": 3, "user_id": user_id, "display_name": "Acme Inference"}}


def main_of(html: str) -> str:
    return html.partition('id="main"')[2].partition("</main>")[0]


def test_the_form_to_become_one_is_right_there(wire: Wire, signed_in: Client) -> None:
    page = signed_in.get(URL)
    assert page.status_code == 200
    html = main_of(page.content.decode())
    assert "First, become a provider" in html
    assert 'name="display_name"' in html
    assert f'action="{URL}"' in html
    assert 'name="model_family"' not in html
    assert len(wire.calls) == 0


@both_ways
def test_who_posts_an_offer_too_early_publishes_nothing_and_loses_nothing(
    wire: Wire, signed_in: Client, account: ExchangeAccount, headers: dict[str, str]
) -> None:
    page = signed_in.post(URL, TYPED, **headers)
    html = page.content.decode()
    assert page.status_code == 403
    assert ("<html" in html) == (not headers)
    assert "First, become a provider" in html
    assert "What you typed about your service is kept." in html
    assert '<input type="hidden" name="name" value="acme &amp; llama">' in html
    assert len(wire.calls) == 0

    wire.answers("POST", "/users", enrolled(account))
    response = signed_in.post(URL, ENROL | TYPED, **headers)
    where = response.get("HX-Redirect") or response["Location"]
    assert where.startswith(f"{URL}?")
    assert wire.sent("/users")[0]["roles"] == ["consumer", "provider"]
    assert wire.sent("/users")[0]["display_name"] == "Acme Inference"
    form = signed_in.get(where).content.decode()
    assert "You are a provider now: Acme Inference." in form
    for text in ("acme &amp; llama", "llama-3.1-70b", "0.0007", "12345"):
        assert f'value="{text}"' in main_of(form)
    account.refresh_from_db()
    assert account.provider_id == 3


def test_with_nothing_typed_before_the_form_begins_as_usual(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/users", enrolled(account))
    assert signed_in.post(URL, ENROL)["Location"] == URL


@both_ways
@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ({"document": REFUSED, "status": 400}, 422, "FORBIDDEN_WORD"),
        ({"document": ConnectionRefusedError()}, 503, "The Exchange cannot be reached"),
    ],
    ids=["refused", "down"],
)
def test_when_it_cannot_be_all_that_was_typed_stays(
    wire: Wire,
    signed_in: Client,
    account: ExchangeAccount,
    headers: dict[str, str],
    answer: dict[str, Any],
    status: int,
    said: str,
) -> None:
    wire.answers("POST", "/users", **answer)
    page = signed_in.post(URL, ENROL | TYPED, **headers)
    html = page.content.decode()
    assert page.status_code == status
    assert said in html
    assert 'value="Acme Inference"' in html
    assert "In two regions" in html
    assert 'name="name" value="acme &amp; llama"' in html
    account.refresh_from_db()
    assert not account.is_provider


def test_a_provider_needs_a_name(wire: Wire, signed_in: Client) -> None:
    page = signed_in.post(URL, ENROL | {"display_name": " "})
    assert page.status_code == 422
    assert '<a href="#id_provider_display_name">Provider name</a>' in page.content.decode()
    assert len(wire.calls) == 0


@both_ways
def test_who_is_one_already_goes_on_to_the_form(wire: Wire, seller: Client, headers: dict[str, str]) -> None:
    response = seller.post(URL, ENROL, **headers)
    assert (response.get("HX-Redirect") or response["Location"]) == URL
    assert len(wire.calls) == 0


def test_what_is_carried_along_has_an_end(wire: Wire, signed_in: Client, account: ExchangeAccount) -> None:
    wire.answers("POST", "/users", enrolled(account))
    response = signed_in.post(URL, ENROL | {"name": "x" * 100_000})
    assert len(response["Location"]) < 1000


def test_its_queries(signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # 1 session, 2 user, 3 the account, 4 the account for the frame of the page,
    # 5 whether the books differ
    with django_assert_num_queries(5):
        signed_in.get(URL)
