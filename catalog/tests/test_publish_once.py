from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.models_publishing import Publication
from catalog.publish_once import BeingPublished, Offer, Turn, take_turn

pytestmark = pytest.mark.django_db
State = Publication.State
LLAMA = Offer(name="acme", model_family="llama", price_per_1k_tokens=Decimal("0.0007"), trial_tokens=5)
TOKEN = "0" * 32


def take(account: ExchangeAccount, offer: Offer = LLAMA, token: str = "") -> Turn:
    return take_turn(account, offer, token, wait=0)


def test_the_first_one_may_send_at_once(provider: ExchangeAccount) -> None:
    turn = take(provider)
    assert (turn.look_first, turn.service_id) == (False, None)


@pytest.mark.parametrize(
    "offer", [LLAMA, replace(LLAMA, trial_tokens=6)], ids=["the same", "another content"]
)
def test_nobody_else_may_publish_that_name_meanwhile(provider: ExchangeAccount, offer: Offer) -> None:
    take(provider)
    with pytest.raises(BeingPublished):
        take(provider, offer)


def test_another_name_and_another_account_need_not_wait(provider: ExchangeAccount) -> None:
    take(provider)
    take(provider, replace(LLAMA, name="acme two"))
    take(make_account(provider=True))


def test_who_waited_for_the_very_same_has_nothing_to_do(provider: ExchangeAccount) -> None:
    first = take(provider)
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        first.end(State.PUBLISHED, 11)

    second = take_turn(provider, LLAMA, wait=60, pause=pause)
    assert second.service_id == 11
    assert len(waited) == 1


@pytest.mark.parametrize(
    ("ended", "look_first"), [(State.NOT_PUBLISHED, False), (State.UNKNOWN, True), (State.PUBLISHED, False)]
)
def test_who_waited_for_something_else_takes_the_turn(
    provider: ExchangeAccount, ended: Publication.State, look_first: bool
) -> None:
    first = take(provider)
    dearer = replace(LLAMA, price_per_1k_tokens=Decimal(1))
    second = take_turn(provider, dearer, wait=60, pause=lambda _seconds: first.end(ended))
    assert (second.look_first, second.service_id) == (look_first, None)


def test_the_same_form_again_has_nothing_to_do(provider: ExchangeAccount) -> None:
    take(provider, token=TOKEN).end(State.PUBLISHED, 11)
    written_otherwise = replace(LLAMA, price_per_1k_tokens=Decimal("0.00070"))
    assert take(provider, written_otherwise, TOKEN).service_id == 11


@pytest.mark.parametrize(
    ("offer", "token"),
    [(replace(LLAMA, price_per_1k_tokens=Decimal(1)), TOKEN), (LLAMA, "1" * 32), (LLAMA, "")],
    ids=["changed", "another form", "no form"],
)
def test_anything_else_is_sent_again(provider: ExchangeAccount, offer: Offer, token: str) -> None:
    take(provider, token=TOKEN).end(State.PUBLISHED, 11)
    assert take(provider, offer, token).service_id is None


def test_a_form_without_a_token_is_never_the_same_form(provider: ExchangeAccount) -> None:
    take(provider).end(State.PUBLISHED, 11)
    assert take(provider).service_id is None


def test_who_comes_after_one_that_died_looks_first(provider: ExchangeAccount) -> None:
    died = take(provider)
    Publication.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    after = take(provider)
    assert after.look_first
    # it was not dead, only slow: it does not speak for the one that took its place
    died.end(State.PUBLISHED, 99)
    row = Publication.objects.get()
    assert (row.state, row.service_remote_id) == (State.SENDING, None)
    after.end(State.PUBLISHED, 11)
    row.refresh_from_db()
    assert (row.state, row.service_remote_id) == (State.PUBLISHED, 11)


def test_a_name_of_any_length_can_be_taken(provider: ExchangeAccount) -> None:
    take(provider, replace(LLAMA, name="長" * 5000))
    with pytest.raises(BeingPublished):
        take(provider, replace(LLAMA, name="長" * 5000))
