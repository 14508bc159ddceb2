from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from exchange import (
    MAX_TOKENS,
    Account,
    Direction,
    Gateway,
    NoMatch,
    NotAProvider,
    NotRegistered,
    Provider,
    Role,
    Service,
    UsageReport,
    statement_hash,
)
from exchange.tests import examples
from exchange.tests.fakes import FakeExchangeClient

BOTH = (Role.CONSUMER, Role.PROVIDER)


@pytest.fixture
def exchange() -> FakeExchangeClient:
    return FakeExchangeClient()


@pytest.fixture
def gateway(exchange: FakeExchangeClient) -> Gateway:
    return Gateway(exchange)  # type: ignore[arg-type]


def offer(number: int, price: str, name: str = "x", **changes: Any) -> Service:
    return Service.model_validate(
        examples.service(id=number, name=name, price_per_1k_tokens=Decimal(price), **changes)
    )


def test_the_whole_lifecycle_of_one_account(exchange: FakeExchangeClient, gateway: Gateway) -> None:
    other = Gateway(exchange)  # type: ignore[arg-type]
    other.ensure_account("bob@example.com", BOTH, "Bob")
    other.publish_service("bobs-llama", "llama-3.1-70b", Decimal("0.0009"))

    account = gateway.ensure_account("Ada@Example.com", BOTH, "Ada", "Llamas")
    assert (gateway.account, gateway.user, gateway.provider) == (account, account.user, account.provider)
    assert gateway.ensure_account("ada@example.com").user == account.user

    mine = gateway.publish_service("ada-llama", "llama-3.1-70b", Decimal("0.0003"), trial_tokens=500)
    again = gateway.publish_service("ada-llama", "llama-3.1-70b", Decimal("0.0004"))
    assert again.id == mine.id
    assert gateway.list_my_services() == [again]

    assert [one.display_name for one in gateway.list_providers()] == ["Bob", "Ada"]
    assert gateway.choose_provider(lambda one: one.display_name == "Ada") == gateway.provider
    chosen = gateway.choose_service(lambda one: one.model_family.startswith("llama"))
    assert chosen == again

    gateway.record_consumption(chosen.id, 1000, 200, memo="a question")
    gateway.record_supply(chosen.id, 1000, 200, memo="an answer")
    gateway.record_consumption(chosen.id, 7, 0)

    snapshot = gateway.usage_snapshot()
    assert (snapshot.consumed_tokens, snapshot.supplied_tokens, snapshot.net_tokens) == (1207, 1200, -7)
    assert snapshot.entry_count == 3
    assert other.usage_snapshot().entry_count == 0
    statement = list(exchange.iter_statement(gateway.user.id))
    assert [entry.direction for entry in statement] == [
        Direction.CONSUME,
        Direction.SUPPLY,
        Direction.CONSUME,
    ]
    assert all(statement_hash(entry.prev_hash, entry.raw) == entry.hash for entry in statement)
    assert statement[-1].hash == snapshot.ledger_hash


def test_a_key_is_handed_on_and_counts_once(exchange: FakeExchangeClient, gateway: Gateway) -> None:
    gateway.ensure_account("ada@example.com")
    first = gateway.record_consumption(1, 10, 5, idempotency_key="k")
    second = gateway.record_consumption(1, 10, 5, idempotency_key="k", idempotency_proved=True)
    assert (first.created, second.created) == (True, False)
    assert second.entry == first.entry
    assert len(exchange.entries) == 1


def test_a_cached_account_needs_no_registration(exchange: FakeExchangeClient) -> None:
    account = Account.model_validate({"user": examples.user(), "provider": examples.provider()})
    gateway = Gateway(exchange, account)  # type: ignore[arg-type]
    assert gateway.usage_snapshot().user_id == 7
    assert exchange.users == []


def test_each_call_gets_the_gateways_deadline(
    exchange: FakeExchangeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, object]] = []
    for name in ("register_user", "list_providers", "list_services", "publish_service", "report_usage"):
        monkeypatch.setattr(exchange, name, noting(given, name, getattr(exchange, name)))
    monkeypatch.setattr(
        exchange, "get_usage_summary", noting(given, "get_usage_summary", exchange.get_usage_summary)
    )
    gateway = Gateway(exchange, deadline=2.5)  # type: ignore[arg-type]
    gateway.ensure_account("ada@example.com", BOTH)
    service = gateway.publish_service("n", "m", Decimal(1))
    gateway.list_providers()
    gateway.list_my_services()
    gateway.choose_provider()
    gateway.choose_service()
    gateway.record_consumption(service.id, 1, 1)
    gateway.record_supply(service.id, 1, 1)
    gateway.usage_snapshot()
    assert len(given) == 9
    assert {deadline for _, deadline in given} == {2.5}


def noting(given: list[tuple[str, object]], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **named: Any) -> Any:
        given.append((name, named["deadline"]))
        return method(*args, **named)

    return noted


def test_without_an_account_it_says_so(gateway: Gateway) -> None:
    attempts = [
        lambda: gateway.account,
        lambda: gateway.user,
        lambda: gateway.provider,
        lambda: gateway.list_my_services(),
        lambda: gateway.publish_service("n", "m", Decimal(1)),
        lambda: gateway.record_consumption(1, 1, 1),
        lambda: gateway.record_supply(1, 1, 1),
        lambda: gateway.usage_snapshot(),
    ]
    for attempt in attempts:
        with pytest.raises(NotRegistered, match="Register one first"):
            attempt()


def test_a_consumer_publishes_nothing_and_has_no_services(
    exchange: FakeExchangeClient, gateway: Gateway
) -> None:
    gateway.ensure_account("ada@example.com")
    with pytest.raises(NotAProvider, match="not a provider") as caught:
        gateway.publish_service("n", "m", Decimal(1))
    assert caught.value.sentence == str(caught.value)
    assert gateway.list_my_services() == []
    assert exchange.services == []


def test_my_services_are_mine_even_where_the_exchange_ignores_the_filter(
    exchange: FakeExchangeClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.ensure_account("ada@example.com", BOTH)
    assert gateway.provider is not None
    offers = [offer(1, "1", provider_id=99), offer(2, "1", provider_id=gateway.provider.id)]
    monkeypatch.setattr(exchange, "list_services", lambda *_args, **_named: offers)
    assert gateway.list_my_services() == offers[1:]


def test_it_chooses_the_cheapest_then_by_name_then_by_id(gateway: Gateway) -> None:
    offers = [offer(4, "0.5", "b"), offer(3, "0.50", "a"), offer(2, "0.500", "a"), offer(1, "0.6", "a")]
    for services in (offers, offers[::-1]):
        assert gateway.choose_service(services=services).id == 2


def test_each_predicate_must_hold_and_another_order_can_be_given(gateway: Gateway) -> None:
    offers = [offer(1, "1", trial_tokens=0), offer(2, "2", trial_tokens=9), offer(3, "3", trial_tokens=10)]
    chosen = gateway.choose_service(
        lambda one: one.trial_tokens > 0, lambda one: one.price_per_1k_tokens < 3, services=offers
    )
    assert chosen.id == 2
    assert gateway.choose_service(services=offers, order=lambda one: -one.trial_tokens).id == 3


def test_it_chooses_the_longest_standing_provider(gateway: Gateway) -> None:
    providers = [Provider(id=number, user_id=1, display_name="x") for number in (5, 2, 9)]
    assert gateway.choose_provider(providers=iter(providers)).id == 2


def test_no_match_says_how_many_were_looked_at(gateway: Gateway) -> None:
    for services, words in (
        ([], "lists no service yet"),
        ([offer(1, "1")], "; 1 looked at"),
        ([offer(1, "1"), offer(2, "1")], "; 2 looked at"),
    ):
        with pytest.raises(NoMatch, match=words):
            gateway.choose_service(lambda _: False, services=services)
    with pytest.raises(LookupError, match="lists no provider yet"):
        gateway.choose_provider()


@pytest.mark.parametrize("odd", [-1, MAX_TOKENS + 1, True, 1.0, "5", None])
@pytest.mark.parametrize("field", ["prompt_tokens", "completion_tokens"])
@pytest.mark.parametrize("method", ["record_consumption", "record_supply"])
def test_odd_token_counts_are_refused_before_anything_is_sent(
    exchange: FakeExchangeClient, gateway: Gateway, method: str, field: str, odd: Any
) -> None:
    gateway.ensure_account("ada@example.com")
    with pytest.raises(ValueError, match=f"^{field} must be a whole number from 0"):
        getattr(gateway, method)(1, **{"prompt_tokens": 1, "completion_tokens": 1, field: odd})
    assert exchange.entries == []


def test_zero_and_the_largest_count_are_taken(gateway: Gateway) -> None:
    gateway.ensure_account("ada@example.com")
    receipt = gateway.record_consumption(1, 0, MAX_TOKENS)
    assert receipt.entry is not None
    assert UsageReport.model_validate(receipt.entry.raw).completion_tokens == MAX_TOKENS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "^name must not be empty"),
        ({"name": "a\x00"}, "^name must not contain NUL"),
        ({"model_family": ""}, "^model_family must not be empty"),
        ({"model_family": 5}, "^model_family must be text"),
        ({"price_per_1k_tokens": Decimal(-1)}, "^price_per_1k_tokens must be zero or more"),
        ({"price_per_1k_tokens": Decimal("NaN")}, "^price_per_1k_tokens must be zero or more"),
        ({"price_per_1k_tokens": 0.1}, "^price_per_1k_tokens must be a decimal number"),
        ({"trial_tokens": -1}, "^trial_tokens must be a whole number"),
    ],
)
def test_an_odd_offer_is_refused_before_anything_is_sent(
    exchange: FakeExchangeClient, gateway: Gateway, changes: dict[str, Any], words: str
) -> None:
    gateway.ensure_account("ada@example.com", BOTH)
    values = {"name": "n", "model_family": "m", "price_per_1k_tokens": Decimal(1), **changes}
    with pytest.raises(ValueError, match=words):
        gateway.publish_service(**values)
    assert exchange.services == []


def test_an_odd_memo_or_email_is_refused(gateway: Gateway) -> None:
    with pytest.raises(ValueError, match=r"^email must not be empty"):
        gateway.ensure_account(" ")
    with pytest.raises(ValueError, match=r"^display_name must not contain"):
        gateway.ensure_account("ada@example.com", display_name="\ud800")
    gateway.ensure_account("ada@example.com")
    with pytest.raises(ValueError, match=r"^memo must not contain NUL"):
        gateway.record_supply(1, 1, 1, memo="\x00")
