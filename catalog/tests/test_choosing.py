from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_exchange
from accounts.models import ExchangeAccount
from catalog import consumption
from catalog.choosing import (
    CatalogueNotFetched,
    Criteria,
    NothingFits,
    Strategy,
    choose_provider,
    choose_service,
)
from catalog.choosing_criteria import Miss
from catalog.tests.kept import fetched, keep_provider, keep_service
from exchange import GatewayError, NoMatch

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _market(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "_source", None)
    fetched()
    harbour, north = keep_provider(8, "Harbour Compute"), keep_provider(3, "Northwind")
    labs = keep_provider(5, "Northwind Labs")
    keep_service(21, provider=harbour, name="Harbour 4o", price="0.0040", trial=100)
    keep_service(22, provider=labs, name="Labs 4o", price="0.0031", trial=5000, family="GPT-4o")
    keep_service(23, provider=labs, name="Labs llama", price="0.0005", trial=20, family="llama")
    keep_service(24, provider=north, name="Old", price="0.0001", delisted=True)


def consumed(monkeypatch: pytest.MonkeyPatch, **by_service: int) -> None:
    numbers = {int(name.removeprefix("s")): tokens for name, tokens in by_service.items()}
    monkeypatch.setattr(consumption, "_source", lambda *_: numbers)


def service(account: ExchangeAccount, strategy: str = "cheapest", **criteria: Any) -> int:
    return choose_service(account, Criteria(**criteria), Strategy(strategy), now=NOW).service.id


def provider(account: ExchangeAccount, strategy: str = "longest-standing", **criteria: Any) -> int:
    return choose_provider(account, Criteria(**criteria), Strategy(strategy), now=NOW).provider.id


@pytest.mark.parametrize(
    ("criteria", "chosen"),
    [
        ({}, 23),
        ({"name": "4O"}, 22),
        ({"model_family": "gpt-4O"}, 22),
        ({"max_price_per_1k": Decimal("0.0031"), "name": "4o"}, 22),
        ({"min_trial_tokens": 20}, 23),
        ({"min_trial_tokens": 21}, 22),
        ({"exclude": ("northwind LABS",)}, 21),
        ({"exclude": ("#5",)}, 21),
        ({"exclude": ("Northwind", "nobody")}, 23),
        ({"model_family": "gpt-4o", "min_trial_tokens": 100, "exclude": ("#5", "#3")}, 21),
    ],
)
def test_a_service_meets_every_wish(account: ExchangeAccount, criteria: dict[str, Any], chosen: int) -> None:
    assert service(account, **criteria) == chosen


@pytest.mark.parametrize(
    ("strategy", "criteria", "chosen"),
    [
        ("longest-standing", {}, 3),
        ("longest-standing", {"name": "LABS"}, 5),
        ("longest-standing", {"exclude": ("Northwind", "northwind labs")}, 8),
        ("longest-standing", {"model_family": "gpt-4o"}, 5),
        ("longest-standing", {"model_family": "gpt-4o", "exclude": ("#5",)}, 8),
        ("cheapest", {}, 5),
        ("cheapest", {"exclude": ("#5",)}, 8),
        ("most-trial", {}, 5),
        ("most-trial", {"max_price_per_1k": Decimal("0.004"), "min_trial_tokens": 30, "name": "harbour"}, 8),
    ],
)
def test_a_provider_meets_every_wish(
    account: ExchangeAccount, strategy: str, criteria: dict[str, Any], chosen: int
) -> None:
    assert provider(account, strategy, **criteria) == chosen


def test_one_offer_of_a_provider_must_meet_all_that_is_asked_of_an_offer(account: ExchangeAccount) -> None:
    # Labs has a cheap one and one with a large trial, and none that is both
    with pytest.raises(NothingFits):
        provider(account, max_price_per_1k=Decimal("0.001"), min_trial_tokens=1000)


def test_a_choice_says_who_sells_it_and_as_of_when(account: ExchangeAccount) -> None:
    choice = choose_service(account, Criteria(model_family="llama"))
    assert choice.service.model_dump() == {
        "id": 23,
        "provider_id": 5,
        "name": "Labs llama",
        "model_family": "llama",
        "price_per_1k_tokens": Decimal("0.0005"),
        "trial_tokens": 20,
    }
    assert (choice.provider.id, choice.provider.user_id) == (5, 50)
    assert choice.as_of == account.exchange.mirror.refreshed_at
    assert (choice.consumption_known, choice.note) == (None, "")


def test_another_exchanges_offers_are_not_looked_at(account: ExchangeAccount) -> None:
    other = make_exchange(base_url="http://other.example")
    fetched(exchange=other)
    keep_service(99, provider=keep_provider(1, exchange=other), price="0")
    assert service(account) == 23
    assert choose_service(other).service.id == 99


def test_ties_are_broken_by_name_then_number(account: ExchangeAccount) -> None:
    keep_service(41, name="b", price="0.0002")
    keep_service(40, name="b", price="0.0002")
    keep_service(42, name="a", price="0.0002")
    assert service(account) == 42
    assert service(account, name="b", model_family="gpt-4o", max_price_per_1k=Decimal("0.001")) == 40


def test_a_price_finer_than_its_rank_is_still_compared_exactly(account: ExchangeAccount) -> None:
    keep_service(40, price="0.0000000000000002", name="a")
    keep_service(41, price="0.0000000000000001", name="b")
    assert service(account) == 41
    assert service(account, max_price_per_1k=Decimal("0.00000000000000015")) == 41


def test_case_does_not_matter_in_any_script(account: ExchangeAccount) -> None:
    keep_service(40, price="1", family="ÄON-Straße")
    assert service(account, model_family="äon-STRASSE") == 40
    assert provider(account, model_family="äon-STRASSE") == 3


def test_more_than_any_number_is_too_much(account: ExchangeAccount) -> None:
    with pytest.raises(NothingFits):
        service(account, min_trial_tokens=10**30)


def test_most_trial_prefers_more_then_cheaper(account: ExchangeAccount) -> None:
    keep_service(40, price="0.002", trial=5000)
    assert service(account, "most-trial") == 40


def test_least_used_is_by_service(account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    consumed(monkeypatch, s23=10, s22=500)
    assert service(account, "least-used-by-me") == 21
    assert service(account, "least-used-by-me", exclude=("#8",)) == 23
    consumed(monkeypatch)
    choice = choose_service(account, Criteria(), Strategy.LEAST_USED)
    assert (choice.service.id, choice.consumption_known, choice.note) == (23, True, "")


def test_spread_is_by_all_that_was_consumed_from_a_provider(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_service(25, provider=keep_provider(3), price="0.1")
    # 24 is delisted, and still counts for its provider; 999 belongs to nobody that is known
    consumed(monkeypatch, s21=50, s22=60, s24=40, s999=10**6)
    assert service(account, "spread") == 25
    assert provider(account, "spread") == provider(account, "least-used-by-me") == 3
    consumed(monkeypatch, s21=50, s22=60, s24=55)
    assert service(account, "spread") == 21
    assert provider(account, "spread") == 8


@pytest.mark.parametrize("choose", [service, provider])
def test_without_books_least_used_is_the_cheapest_and_says_so(account: ExchangeAccount, choose: Any) -> None:
    assert choose(account, "least-used-by-me") == choose(account, "cheapest")
    choice = choose_provider(account, strategy=Strategy.LEAST_USED)
    assert choice.consumption_known is False
    assert choice.note == "What you consumed cannot be known yet, so the cheapest was chosen."


@pytest.mark.parametrize("choose", [choose_service, choose_provider])
def test_without_books_spread_takes_turns_by_the_hour(account: ExchangeAccount, choose: Any) -> None:
    first = choose(account, strategy=Strategy.SPREAD, now=NOW)
    later = choose(account, strategy=Strategy.SPREAD, now=NOW + timedelta(minutes=29))
    assert dataclasses.asdict(first) == dataclasses.asdict(later)
    assert first.note == "What you consumed cannot be known yet, so providers take turns by the hour."
    hours = [
        choose(account, strategy=Strategy.SPREAD, now=NOW + timedelta(hours=h)).provider.id
        for h in range(120)
    ]
    sellers = {8, 5} if choose is choose_service else {3, 5, 8}
    assert set(hours) == sellers
    # a fair draw of 120 leaves nobody below 10 but once in many millions of times
    assert min(hours.count(number) for number in sellers) >= 10


def test_nobody_in_particular_can_choose_too(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumed(monkeypatch, s21=1)
    choice = choose_service(account.exchange, strategy=Strategy.LEAST_USED)
    assert (choice.service.id, choice.consumption_known) == (23, False)


@pytest.mark.parametrize(
    ("criteria", "number", "misses", "said"),
    [
        (
            {"model_family": "gpt-4o", "max_price_per_1k": Decimal("0.0030")},
            22,
            (Miss.PRICE,),
            (
                "Labs 4o (service 22, Northwind Labs): $0.0031 per 1K tokens, $0.0001 above your "
                "limit of $0.0030."
            ),
        ),
        (
            {"model_family": "gpt-4o", "min_trial_tokens": 6000},
            22,
            (Miss.TRIAL,),
            (
                "Labs 4o (service 22, Northwind Labs): 5,000 trial tokens, 1,000 fewer than the 6,000 "
                "that you "
                "ask for."
            ),
        ),
        (
            {"model_family": "o3"},
            23,
            (Miss.MODEL_FAMILY,),
            "Labs llama (service 23, Northwind Labs): its model family is llama, not o3.",
        ),
        (
            {"name": "nobody\x1b[31m"},
            23,
            (Miss.NAME,),
            "Labs llama (service 23, Northwind Labs): its name does not contain “nobody [31m”.",
        ),
        (
            {"exclude": ("#5",), "model_family": "llama", "max_price_per_1k": Decimal(0)},
            23,
            (Miss.EXCLUDED, Miss.PRICE),
            (
                "Labs llama (service 23, Northwind Labs): you leave this provider out; $0.0005 per 1K "
                "tokens, "
                "$0.0005 above your limit of $0."
            ),
        ),
    ],
)
def test_no_match_tells_what_came_nearest(
    account: ExchangeAccount, criteria: dict[str, Any], number: int, misses: tuple[Miss, ...], said: str
) -> None:
    with pytest.raises(NothingFits) as failed:
        service(account, **criteria)
    assert isinstance(failed.value, NoMatch)
    assert str(failed.value) == f"No service fits. Nearest: {said}"
    nearest = failed.value.nearest
    assert nearest is not None
    assert nearest.offer is not None
    assert (nearest.offer.number, nearest.misses) == (number, misses)


def test_no_provider_tells_what_came_nearest(account: ExchangeAccount) -> None:
    with pytest.raises(NothingFits) as failed:
        provider(account, model_family="gpt-4o", max_price_per_1k=Decimal("0.003"), exclude=("#8",))
    assert str(failed.value) == (
        "No provider fits. Nearest: Northwind Labs (provider 5): $0.0031 per 1K tokens, "
        "$0.0001 above your limit "
        "of $0.003."
    )
    with pytest.raises(NothingFits, match=r"Nearest: Northwind \(provider 3\): it offers no service\.$"):
        provider(account, name="northwind", exclude=("#5",), model_family="gpt-4o")


def test_an_empty_market_says_so() -> None:
    other = make_exchange(base_url="http://other.example")
    fetched(exchange=other)
    with pytest.raises(NothingFits, match="lists no service yet") as failed:
        choose_service(other)
    assert failed.value.nearest is None
    with pytest.raises(NothingFits, match="lists no provider yet"):
        choose_provider(other)


@pytest.mark.parametrize("choose", [choose_service, choose_provider])
def test_what_was_never_fetched_is_not_called_empty(choose: Any) -> None:
    with pytest.raises(CatalogueNotFetched, match="sync_catalog") as failed:
        choose(make_exchange(base_url="http://other.example"))
    assert isinstance(failed.value, GatewayError)


def test_its_queries_do_not_grow_with_the_market(
    account: ExchangeAccount,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(100, 160):
        keep_service(number, provider=keep_provider(number))
    consumed(monkeypatch, s21=1)
    # 1 the mirror, 2 whose services were consumed, 3 providers, 4 services, 5 the provider that was chosen
    with django_assert_num_queries(5):
        choose_service(account, strategy=Strategy.SPREAD)
    with django_assert_num_queries(5):
        choose_provider(account, strategy=Strategy.SPREAD)
