"""The attempt that is made while somebody waits."""

from __future__ import annotations

import pytest
import requests
from django.db import OperationalError

from accounts.models import ExchangeAccount
from catalog.tests.wire import REFUSED
from usage.delivery import Round, deliver_due, deliver_now
from usage.factories import make_entry
from usage.models import DeliveryQueue
from usage.tests.reporting import (
    Counting,
    state_of,
)

pytestmark = pytest.mark.django_db
LOST = requests.ConnectionError("the connection ended")
AWAY = ConnectionRefusedError()


def run(account: ExchangeAccount, **options: int) -> Round:
    return deliver_due(account.exchange, **options)


def test_a_page_delivers_its_entry_at_once(account: ExchangeAccount, exchange: Counting) -> None:
    other, entry = make_entry(account=account), make_entry(account=account)
    assert deliver_now(entry, deadline=4).state == "delivered"
    assert state_of(other) == "pending"


@pytest.mark.parametrize(
    ("answer", "state"), [(AWAY, "pending"), (LOST, "uncertain"), ((400, REFUSED), "rejected")]
)
def test_a_page_is_told_how_it_stands_whatever_happens(
    answer: object, state: str, account: ExchangeAccount, core: Counting
) -> None:
    core.before = lambda _body, _key: answer
    assert deliver_now(make_entry(account=account), deadline=4).state == state


def test_a_page_with_no_time_left_sends_nothing_and_blames_nobody(
    account: ExchangeAccount, exchange: Counting
) -> None:
    entry = make_entry(account=account)
    assert deliver_now(entry, deadline=0).state == "pending"
    assert exchange.keys == []
    assert DeliveryQueue.objects.get().failures == 0


def test_an_entry_that_somebody_sends_is_not_sent_by_a_page_too(
    account: ExchangeAccount, core: Counting
) -> None:
    entry = make_entry(account=account)
    seen: list[str] = []
    core.before = lambda _body, _key: seen.append(deliver_now(entry, deadline=4).state)
    run(account)
    assert seen == ["sending"]
    assert len(core.keys) == 1


def test_a_page_is_answered_even_if_the_database_is_busy(
    account: ExchangeAccount, exchange: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: object, **_options: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("usage.delivery.claim", busy)
    assert deliver_now(make_entry(account=account), deadline=4).state == "pending"
