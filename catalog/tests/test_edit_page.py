from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from catalog.mirror import note_published
from catalog.models import Service
from catalog.tests.wire import REFUSED, Wire, offer
from exchange import Service as ListedService

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
SURE = "acme  llama 0.0000005 0.0009"
TYPED = {"model_family": "llama-3.3", "price_per_1k_tokens": "0.0009", "trial_tokens": "7", "sure": SURE}
URL = "/catalog/services/11/edit/"
both_ways = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])


def in_mirror(account: ExchangeAccount, **changes: Any) -> Service:
    """A service of this account, as the mirror has it."""
    document = offer(provider_id=account.provider_id, name="acme  llama", **changes)
    document["price_per_1k_tokens"] = Decimal("5E-7")
    return note_published(account, ListedService(**document))


@pytest.fixture
def mine(provider: ExchangeAccount) -> Service:
    return in_mirror(provider)


def updated(account: ExchangeAccount) -> dict[str, Any]:
    changes = {"name": "acme  llama", "model_family": "llama-3.3", "price_per_1k_tokens": 0.0009}
    return offer(provider_id=account.provider_id, trial_tokens=7, **changes)


def test_it_begins_with_what_is_on_offer(wire: Wire, seller: Client, mine: Service) -> None:
    html = seller.get(URL).content.decode()
    for text in ("gpt-4o", "0.0000005", "20000"):
        assert f'value="{text}"' in html
    assert ">acme  llama</p>" in html
    assert 'name="name"' not in html
    assert len(wire.calls) == 0


@both_ways
def test_it_updates_under_the_very_same_name(
    wire: Wire, seller: Client, mine: Service, provider: ExchangeAccount, headers: dict[str, str]
) -> None:
    wire.answers("POST", "/services", {"service": updated(provider)})
    response = seller.post(URL, {**TYPED, "name": "another", "provider_id": "1"}, **headers)
    assert (response.get("HX-Redirect") or response["Location"]) == "/catalog/services/11/"
    assert wire.sent("/services") == [
        {
            "provider_id": provider.provider_id,
            "name": "acme  llama",
            "model_family": "llama-3.3",
            "price_per_1k_tokens": Decimal("0.0009"),
            "trial_tokens": 7,
        }
    ]
    mine.refresh_from_db()
    assert (mine.price_per_1k_tokens, mine.trial_tokens) == (Decimal("0.0009"), 7)
    page = seller.get("/catalog/services/11/").content.decode()
    assert "acme  llama is on offer." in page


@both_ways
def test_a_refusal_shows_each_rule_and_keeps_what_was_typed(
    wire: Wire, seller: Client, mine: Service, headers: dict[str, str]
) -> None:
    wire.answers("POST", "/services", REFUSED, status=400)
    page = seller.post(URL, TYPED, **headers)
    html = page.content.decode()
    assert page.status_code == 422
    assert "PRICE_CEILING" in html
    assert "FORBIDDEN_WORD" in html
    assert all(f'value="{text}"' in html for name, text in TYPED.items() if name != "sure")
    assert f'hx-post="{URL}"' in html
    assert ("<html" in html) == (not headers)
    mine.refresh_from_db()
    assert mine.price_per_1k_tokens == Decimal("5E-7")


def test_a_lost_answer_is_looked_for_as_when_publishing(
    wire: Wire, seller: Client, mine: Service, provider: ExchangeAccount
) -> None:
    wire.answers("POST", "/services", requests.ConnectionError("reset"))
    wire.offers(updated(provider))
    assert seller.post(URL, TYPED)["Location"] == "/catalog/services/11/"
    mine.refresh_from_db()
    assert mine.trial_tokens == 7


def test_while_the_old_one_is_still_there_it_is_not_published(
    wire: Wire, seller: Client, mine: Service, provider: ExchangeAccount
) -> None:
    wire.answers("POST", "/services", requests.ConnectionError("reset"))
    wire.offers(updated(provider) | {"price_per_1k_tokens": 0.0000005})
    page = seller.post(URL, TYPED)
    assert page.status_code == 503
    assert "It was not published" in page.content.decode()


def of_somebody_else(account: ExchangeAccount) -> None:
    in_mirror(make_account(provider=True))


def of_my_number_at_another_exchange(account: ExchangeAccount) -> None:
    elsewhere = make_account(
        user=account.user, exchange=make_exchange(base_url="https://other.example"), provider=True
    )
    elsewhere.provider_id = account.provider_id
    in_mirror(elsewhere)


def of_nobody(account: ExchangeAccount) -> None:
    pass


@both_ways
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("made", [of_somebody_else, of_my_number_at_another_exchange, of_nobody])
def test_what_is_not_mine_is_not_there(
    wire: Wire,
    seller: Client,
    provider: ExchangeAccount,
    made: Callable[[ExchangeAccount], None],
    method: str,
    headers: dict[str, str],
) -> None:
    made(provider)
    kept = list(Service.objects.values())
    assert getattr(seller, method)(URL, TYPED, **headers).status_code == 404
    assert len(wire.calls) == 0
    assert list(Service.objects.values()) == kept


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_consumer_has_no_service_to_change(wire: Wire, signed_in: Client, method: str) -> None:
    in_mirror(make_account(provider=True))
    assert getattr(signed_in, method)(URL, TYPED).status_code == 404
    assert len(wire.calls) == 0


def test_a_number_beyond_all_numbers_is_not_there(seller: Client) -> None:
    assert seller.get(f"/catalog/services/{2**70}/edit/").status_code == 404


def test_nobody_gets_in_without_signing_in(client: Client, wire: Wire, mine: Service) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"
    assert client.post(URL, TYPED).status_code == 302
    assert len(wire.calls) == 0


def test_one_that_is_no_longer_listed_says_so(seller: Client, mine: Service) -> None:
    Service.objects.update(delisted_at=timezone.now())
    assert "The Exchange no longer lists this service." in seller.get(URL).content.decode()


def test_a_field_is_checked_while_one_types(seller: Client, mine: Service) -> None:
    part = seller.get(URL, {"trial_tokens": "many"}, **HTMX).content.decode()
    assert "Enter a whole number." in part
    assert "<input" not in part


def test_nonsense_names_the_field_and_is_not_sent(wire: Wire, seller: Client, mine: Service) -> None:
    page = seller.post(URL, TYPED | {"price_per_1k_tokens": "free"})
    assert page.status_code == 422
    assert '<a href="#id_price_per_1k_tokens">' in page.content.decode()
    assert len(wire.calls) == 0


def test_other_methods_are_refused(seller: Client, mine: Service) -> None:
    assert seller.put(URL).status_code == 405


def test_its_queries(
    seller: Client, mine: Service, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # 1 session, 2 user, 3 the account, 4 the service, 5 the account for the frame of the page,
    # 6 whether the books differ
    with django_assert_num_queries(6):
        seller.get(URL)


@both_ways
@pytest.mark.parametrize("sure", ["", "0.0009", SURE.replace("9", "8"), SURE.replace("acme", "other")])
def test_a_leap_of_the_price_asks_first(
    wire: Wire, seller: Client, mine: Service, headers: dict[str, str], sure: str
) -> None:
    page = seller.post(URL, TYPED | {"sure": sure}, **headers)
    html = page.content.decode()
    assert page.status_code == 422
    assert "This is 1,800 × the price of now." in html
    assert "From $0.0000005 to $0.0009 per 1,000 tokens. Nothing was published yet." in html
    assert f'name="sure" value="{SURE}"' in html
    assert 'value="llama-3.3"' in html
    assert len(wire.calls) == 0
    mine.refresh_from_db()
    assert mine.price_per_1k_tokens == Decimal("5E-7")


def test_publishing_under_a_used_name_asks_for_a_leap_as_well(
    wire: Wire, seller: Client, mine: Service
) -> None:
    offered = {**TYPED, "name": "acme  llama", "sure": ""}
    assert "the price of now" in seller.post("/catalog/services/publish/", offered).content.decode()
    assert len(wire.calls) == 0


def test_the_preview_says_what_the_price_is_now(seller: Client, mine: Service) -> None:
    part = seller.get(URL, {"preview": "1", "price_per_1k_tokens": "0.1"}, **HTMX).content.decode()
    assert "now $0.0000005" in part
    assert "acme  llama" in part
