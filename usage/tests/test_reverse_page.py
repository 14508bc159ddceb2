from __future__ import annotations

import pytest
from django.test import Client

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from usage import tallies
from usage.factories import make_entry, mark
from usage.models import Delivery, LedgerEntry

pytestmark = pytest.mark.django_db
URL = "/usage/logs/1/reverse/"
TYPED = {"reason": "counted twice", "seen": "pending"}


def reversals() -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(reverses_seq__isnull=False))


def test_it_asks_for_a_sign_in(client: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert "/accounts/login/" in client.post(URL, TYPED)["Location"]
    assert reversals() == []


@pytest.mark.parametrize(
    ("state", "then", "own"),
    [
        ("pending", "withdrawn", "withdrawn"),
        ("rejected", "withdrawn", "withdrawn"),
        ("delivered", "delivered", "local"),
    ],
)
def test_it_takes_the_entry_back_and_says_so(
    signed_in: Client, account: ExchangeAccount, state: str, then: str, own: str
) -> None:
    entry = make_entry(account=account, state=state)
    response = signed_in.post(URL, {"reason": "counted twice", "seen": state}, follow=True)
    (reversal,) = reversals()
    assert (reversal.reverses_seq, reversal.memo, reversal.source) == (1, "counted twice", "page")
    assert Delivery.objects.get(entry=entry).state == then
    assert Delivery.objects.get(entry=reversal).state == own
    assert response.redirect_chain == [("/usage/logs/1/", 302)]
    assert "Reversed: entry 1 is taken back by entry 2." in response.content.decode()
    assert tallies.in_state(account, "pending").entries == 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("pending", "neither of the two is reported to the Exchange"),
        ("rejected", "neither of the two is reported to it"),
        ("delivered", "knows no reversals"),
    ],
)
def test_it_says_before_what_will_happen(
    signed_in: Client, account: ExchangeAccount, state: str, words: str
) -> None:
    make_entry(account=account, state=state)
    assert words in signed_in.get("/usage/logs/1/").content.decode()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x00b"])
def test_a_reason_is_needed(signed_in: Client, account: ExchangeAccount, reason: str) -> None:
    make_entry(account=account)
    page = signed_in.post(URL, {**TYPED, "reason": reason})
    assert page.status_code == 422
    assert '<a href="#id_reason">Reason</a>' in page.content.decode()
    assert reversals() == []


def test_who_read_something_else_is_asked_again(signed_in: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    mark(entry, "delivered")  # while the page was being read
    page = signed_in.post(URL, TYPED)
    html = page.content.decode()
    assert page.status_code == 409
    assert "Meanwhile the delivery has moved on." in html
    assert "counted twice" in html
    assert 'name="seen" value="delivered"' in html
    assert reversals() == []


@pytest.mark.parametrize("state", ["uncertain"])
def test_what_is_not_settled_is_not_reversed(signed_in: Client, account: ExchangeAccount, state: str) -> None:
    make_entry(account=account, state=state)
    page = signed_in.post(URL, {**TYPED, "seen": state})
    assert page.status_code == 409
    assert "Settle that first." in page.content.decode()
    assert reversals() == []


def test_only_once_and_never_a_reversal(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    signed_in.post(URL, TYPED)
    again = signed_in.post(URL, {**TYPED, "seen": "withdrawn"})
    assert again.status_code == 409
    assert "has been reversed already" in again.content.decode()
    of_reversal = signed_in.post("/usage/logs/2/reverse/", {**TYPED, "seen": "withdrawn"})
    assert of_reversal.status_code == 409
    assert len(reversals()) == 1


def test_nonsense_for_the_state_is_refused(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert signed_in.post(URL, {**TYPED, "seen": "x"}).status_code == 422
    assert signed_in.post(URL, {"reason": "twice"}).status_code == 422
    assert reversals() == []


def test_nobody_reverses_anothers_entry(signed_in: Client) -> None:
    entry = make_entry(account=make_account())
    assert signed_in.post(URL, TYPED).status_code == 404
    assert signed_in.get(URL).status_code == 404
    assert reversals() == []
    assert Delivery.objects.get(entry=entry).state == "pending"


def test_whoever_comes_by_get_is_led_to_the_entry(signed_in: Client, account: ExchangeAccount) -> None:
    make_entry(account=account)
    assert signed_in.get(URL)["Location"] == "/usage/logs/1/"
    assert signed_in.put(URL).status_code == 405
    assert reversals() == []
