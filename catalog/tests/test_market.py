from __future__ import annotations

import time
from decimal import Decimal

import pytest

from accounts.models import ExchangeAccount
from catalog import market
from catalog.tests.wire import Wire, northwind, offer
from exchange import ExchangeUnreachable

pytestmark = pytest.mark.django_db


def test_services_stand_by_family_then_price(wire: Wire) -> None:
    wire.offers(
        offer(id=1, model_family="o3", price_per_1k_tokens=0.001),
        offer(id=2, model_family="GPT-4o", price_per_1k_tokens=0.0052),
        offer(id=3, model_family="gpt-4o", price_per_1k_tokens=0.0007),
        offer(id=5, model_family="gpt-4o", price_per_1k_tokens=1e-7),
        offer(id=4, model_family="gpt-4o", price_per_1k_tokens=0.0007),
    )
    rows = market.list_services()
    assert [row.id for row in rows] == [5, 3, 4, 2, 1]
    assert [row.price_per_1k_tokens for row in rows][:2] == [Decimal("1E-7"), Decimal("0.0007")]


def test_services_carry_their_providers_name_and_an_unknown_one_none(wire: Wire) -> None:
    wire.offers(offer(id=1), offer(id=2, provider_id=99))
    assert [(row.id, row.provider_name) for row in market.list_services()] == [(1, "Northwind"), (2, "")]


def test_services_are_asked_for_before_providers(wire: Wire) -> None:
    wire.offers(offer())
    market.list_services()
    assert [call.request.url.rpartition("/")[2] for call in wire.calls] == ["services", "providers"]


def test_a_filter_narrows(wire: Wire) -> None:
    wire.offers(offer(id=1), offer(id=2, provider_id=4), offer(id=3, model_family="o3"))
    assert [row.id for row in market.list_services(provider_id=4)] == [2]
    assert [row.id for row in market.list_services(model_family="O3")] == [3]
    assert [row.id for row in market.list_services(model_family="gpt-4")] == []


def test_mine_are_those_of_the_own_provider(wire: Wire, provider: ExchangeAccount) -> None:
    wire.offers(offer(id=1), offer(id=2, provider_id=provider.provider_id))
    assert [row.id for row in market.list_services(provider, mine=True)] == [2]
    assert [(row.id, row.is_mine) for row in market.list_services(provider)] == [(1, False), (2, True)]


def test_who_is_no_provider_has_no_services_and_nothing_is_asked(
    wire: Wire, account: ExchangeAccount
) -> None:
    assert market.list_services(account, mine=True) == []
    assert len(wire.calls) == 0


def test_providers_stand_by_name_with_the_number_of_their_services(
    wire: Wire, provider: ExchangeAccount
) -> None:
    own = northwind(id=provider.provider_id, display_name="acme")
    wire.offers(offer(id=1), offer(id=2), providers=[northwind(), northwind(id=9, display_name="Zeta"), own])
    rows = market.list_providers(provider)
    assert [(row.display_name, row.service_count, row.is_mine) for row in rows] == [
        ("acme", 0, True),
        ("Northwind", 2, False),
        ("Zeta", 0, False),
    ]


def test_an_exchange_that_is_away_is_an_error_not_an_empty_market(wire: Wire) -> None:
    wire.is_down()
    with pytest.raises(ExchangeUnreachable):
        market.list_services()
    with pytest.raises(ExchangeUnreachable):
        market.list_providers()


def test_both_lists_share_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    waits: list[float | None] = []

    class Slow:
        """Takes three seconds for each list."""

        def list_services(self, *, deadline: float | None) -> list[object]:
            nonlocal now
            waits.append(deadline)
            now += 3
            return []

        list_providers = list_services

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(market, "client", Slow)
    market.list_services(deadline=4.0)
    market.list_providers(deadline=4.0)
    assert waits == [4.0, 1.0, 4.0, 1.0]
