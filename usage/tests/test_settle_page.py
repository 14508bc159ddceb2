from __future__ import annotations

import pytest
from django.test import Client

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage import tallies
from usage.factories import make_entry
from usage.models import Delivery

pytestmark = pytest.mark.django_db
URL = "/usage/logs/1/settle/"


def state() -> str:
    return Delivery.objects.get().state


def test_it_asks_for_a_sign_in(client: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="uncertain")
    assert "/accounts/login/" in client.post(URL, {"counted": "yes"})["Location"]
    assert state() == "uncertain"


def test_it_says_what_each_answer_leads_to(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="uncertain")
    html = signed_in.get("/usage/logs/1/").content.decode()
    assert "never sent again" in html
    assert "1,500 tokens may be counted twice" in html


@pytest.mark.parametrize(
    ("counted", "then", "said"),
    [("yes", "delivered", "has counted this entry"), ("no", "pending", "It is sent again.")],
)
def test_a_person_settles_it(
    wire: Wire, signed_in: Client, account: ExchangeAccount, counted: str, then: str, said: str
) -> None:
    make_entry(account=account, state="uncertain")
    page = signed_in.post(URL, {"counted": counted}, follow=True)
    assert state() == then
    assert page.redirect_chain == [("/usage/logs/1/", 302)]
    assert said in page.content.decode()
    assert tallies.in_state(account, "uncertain").entries == 0
    # the page waits for nobody: the worker sends it
    assert wire.sent("/usage") == []


@pytest.mark.parametrize("as_it_is", ["pending", "delivered", "rejected"])
def test_what_is_settled_is_not_settled_again(
    signed_in: Client, account: ExchangeAccount, as_it_is: str
) -> None:
    make_entry(account=account, state=as_it_is)
    page = signed_in.post(URL, {"counted": "no"})
    assert page.status_code == 409
    assert "There is nothing to settle." in page.content.decode()
    assert state() == as_it_is


@pytest.mark.parametrize("counted", ["", "maybe", "\x00"])
def test_an_answer_is_needed(signed_in: Client, account: ExchangeAccount, counted: str) -> None:
    make_entry(account=account, state="uncertain")
    page = signed_in.post(URL, {"counted": counted})
    assert page.status_code == 422
    assert "data-error-summary" in page.content.decode()
    assert state() == "uncertain"


def test_nobody_settles_anothers_entry(signed_in: Client) -> None:
    make_entry(account=make_account(), state="uncertain")
    assert signed_in.post(URL, {"counted": "yes"}).status_code == 404
    assert signed_in.get(URL).status_code == 404
    assert state() == "uncertain"


def test_whoever_comes_by_get_is_led_to_the_entry(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, state="uncertain")
    assert signed_in.get(URL)["Location"] == "/usage/logs/1/"
    assert signed_in.delete(URL).status_code == 405
