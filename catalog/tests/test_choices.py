from __future__ import annotations

import pytest

from accounts.factories import make_exchange
from accounts.keys import services as asked_by_accounts
from accounts.models import ExchangeAccount
from catalog import choices
from catalog.tests.mirrored import make_provider, make_service

pytestmark = pytest.mark.django_db


def test_keys_can_choose_from_the_services_by_name(account: ExchangeAccount) -> None:
    provider = make_provider(number=3, name="Northwind")
    for number, name in ((12, "o3"), (11, "GPT-4o"), (13, "gpt-4o")):
        make_service(provider=provider, number=number, name=name)
    make_service(provider=provider, number=14, name="Gone", delisted=True)
    elsewhere = make_exchange(base_url="http://elsewhere.example")
    make_service(provider=make_provider(exchange=elsewhere), number=15, name="Elsewhere")
    assert asked_by_accounts.choices_for(account) == [
        (11, "GPT-4o · Northwind (#11)"),
        (13, "gpt-4o · Northwind (#13)"),
        (12, "o3 · Northwind (#12)"),
    ]


def test_too_many_for_a_list_are_none(account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make_provider(number=3)
    for number in (1, 2, 3):
        make_service(provider=provider, number=number)
    monkeypatch.setattr(choices, "LONGEST_LIST", 3)
    assert len(asked_by_accounts.choices_for(account)) == 3
    monkeypatch.setattr(choices, "LONGEST_LIST", 2)
    assert asked_by_accounts.choices_for(account) == []


def test_until_somebody_registers_there_is_nothing_to_choose_from(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_service(provider=make_provider(number=3), number=1)
    monkeypatch.setattr(asked_by_accounts, "_sources", [])
    assert asked_by_accounts.choices_for(account) == []
    asked_by_accounts.register(lambda _account: [(7, "seven")])
    asked_by_accounts.register(lambda _account: [(8, "eight")])
    assert asked_by_accounts.choices_for(account) == [(8, "eight")], "the last one counts"
