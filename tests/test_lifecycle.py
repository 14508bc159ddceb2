"""The whole way of one account, over real HTTP, with the exchange package alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest

from exchange import (
    AmbiguousOutcome,
    ComplianceRefusal,
    ExchangeClient,
    Gateway,
    NoMatch,
    RetryPolicy,
    Role,
    Service,
    StatementNotOffered,
)
from tests.exchange_process import ExchangeProcess

BOTH = (Role.CONSUMER, Role.PROVIDER)


def joined(client: ExchangeClient) -> Gateway:
    """A new account, consumer and provider."""
    gateway = Gateway(client)
    name = uuid.uuid4().hex[:12]
    gateway.ensure_account(f"{name}@trader.example", BOTH, display_name=f"Trader {name}")
    return gateway


def published(gateway: Gateway, **changes: object) -> Service:
    offer = {"name": "acme-llama", "model_family": "llama-3.1-70b", "price_per_1k_tokens": Decimal("0.0007")}
    return gateway.publish_service(**{**offer, **changes})


def connect(process: ExchangeProcess) -> ExchangeClient:
    return ExchangeClient(process.base_url, retry=RetryPolicy(base_delay=0.01, max_delay=0.01))


@pytest.fixture
def client(sandbox: ExchangeProcess) -> Iterator[ExchangeClient]:
    with connect(sandbox) as client:
        yield client


@pytest.fixture
def core_client(core: ExchangeProcess) -> Iterator[ExchangeClient]:
    with connect(core) as client:
        yield client


def lose_one(process: ExchangeProcess, kind: str) -> None:
    """The next report suffers this."""
    process.control(next=[{"kind": kind, "path": "/usage", "method": "POST"}])


def consumed(gateway: Gateway) -> int:
    return gateway.usage_snapshot().consumed_tokens


def test_one_account_registers_discovers_chooses_publishes_consumes_and_supplies(
    either: ExchangeProcess,
) -> None:
    with connect(either) as client:
        gateway = joined(client)
        again = Gateway(client).ensure_account(gateway.user.email.upper())
        assert again.user.id == gateway.user.id
        assert set(again.user.roles) == {"consumer", "provider"}
        assert gateway.provider is not None

        mine = published(gateway, trial_tokens=500)
        assert published(gateway, price_per_1k_tokens=Decimal("0.0006")).id == mine.id
        assert [(one.id, one.price_per_1k_tokens) for one in gateway.list_my_services()] == [
            (mine.id, Decimal("0.0006"))
        ]

        name = gateway.provider.display_name
        assert gateway.choose_provider(lambda one: one.display_name == name).id == gateway.provider.id
        chosen = gateway.choose_service(lambda one: one.provider_id == gateway.provider.id)
        assert chosen.id == mine.id
        with pytest.raises(NoMatch):
            gateway.choose_service(lambda one: one.price_per_1k_tokens > 10_000)

        gateway.record_consumption(chosen.id, 1200, 300, memo="night run")
        gateway.record_supply(chosen.id, 2000, 0)
        totals = gateway.usage_snapshot()
        assert (totals.consumed_tokens, totals.supplied_tokens, totals.net_tokens) == (1500, 2000, 500)


def test_the_extensions_are_used_where_they_are(client: ExchangeClient) -> None:
    gateway = joined(client)
    receipt = gateway.record_supply(published(gateway).id, 1, 2, idempotency_key="k-1")
    assert receipt.idempotency_proved
    totals = gateway.usage_snapshot()
    statement = list(client.iter_statement(gateway.user.id))
    assert [entry.idempotency_key for entry in statement] == ["k-1"]
    assert (totals.entry_count, totals.ledger_hash) == (1, statement[-1].hash)
    assert gateway.user.free_tokens is not None


def test_without_the_extensions_nothing_is_missed(core_client: ExchangeClient) -> None:
    gateway = joined(core_client)
    receipt = gateway.record_supply(published(gateway).id, 1, 2, idempotency_key="k-1")
    assert (receipt.entry, receipt.idempotency_proved) == (None, False)
    totals = gateway.usage_snapshot()
    assert (totals.supplied_tokens, totals.entry_count, totals.ledger_hash) == (3, None, None)
    assert gateway.user.free_tokens is None
    with pytest.raises(StatementNotOffered):
        list(core_client.iter_statement(gateway.user.id))


def test_a_refusal_by_rules_names_each_and_changes_nothing(client: ExchangeClient) -> None:
    gateway = joined(client)
    with pytest.raises(ComplianceRefusal) as refused:
        published(gateway, name="leaked weights", price_per_1k_tokens=Decimal(5))
    assert refused.value.rule_ids == ("PRICE_CEILING", "FORBIDDEN_WORD")
    assert gateway.list_my_services() == []

    somebody = joined(client)
    theirs = published(somebody)
    with pytest.raises(ComplianceRefusal) as refused:
        gateway.record_supply(theirs.id, 1, 1)
    assert refused.value.rule_ids == ("SUPPLY_NOT_OWN",)
    assert gateway.usage_snapshot().supplied_tokens == 0


def test_a_lost_answer_is_ambiguous_and_the_books_tell_that_it_was_counted(
    sandbox: ExchangeProcess, client: ExchangeClient
) -> None:
    gateway = joined(client)
    service = published(gateway)
    lose_one(sandbox, "drop_after")
    with pytest.raises(AmbiguousOutcome) as lost:
        gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1")
    assert lost.value.attempts == 1
    assert consumed(gateway) == 100
    # the same key again: counted once, and the Exchange has now proved it
    receipt = gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1")
    assert (receipt.created, receipt.idempotency_proved) == (False, True)
    assert consumed(gateway) == 100


def test_a_report_that_was_lost_on_the_way_looks_the_same_and_was_not_counted(
    sandbox: ExchangeProcess, client: ExchangeClient
) -> None:
    gateway = joined(client)
    service = published(gateway)
    lose_one(sandbox, "drop_before")
    with pytest.raises(AmbiguousOutcome):
        gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1")
    assert consumed(gateway) == 0
    assert gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1").created is True
    assert consumed(gateway) == 100


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "error"])
def test_where_the_exchange_has_proved_itself_a_lost_answer_is_asked_for_again(
    sandbox: ExchangeProcess, client: ExchangeClient, fault: str
) -> None:
    gateway = joined(client)
    service = published(gateway)
    lose_one(sandbox, fault)
    receipt = gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1", idempotency_proved=True)
    assert receipt.created is (fault != "drop_after")
    assert consumed(gateway) == 100


def test_a_core_exchange_counts_a_repeat_twice_so_nothing_is_repeated_there(
    core: ExchangeProcess, core_client: ExchangeClient
) -> None:
    gateway = joined(core_client)
    service = published(gateway)
    lose_one(core, "drop_after")
    with pytest.raises(AmbiguousOutcome):
        gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1")
    assert consumed(gateway) == 100
    gateway.record_consumption(service.id, 100, 0, idempotency_key="k-1")
    assert consumed(gateway) == 200


def test_an_answer_that_cannot_be_read_is_still_a_success(
    sandbox: ExchangeProcess, client: ExchangeClient
) -> None:
    gateway = joined(client)
    service = published(gateway)
    lose_one(sandbox, "malformed")
    assert gateway.record_consumption(service.id, 100, 0).entry is None
    assert consumed(gateway) == 100


def test_too_many_requests_are_waited_for_and_counted_once(
    sandbox: ExchangeProcess, client: ExchangeClient
) -> None:
    gateway = joined(client)
    service = published(gateway)
    sandbox.control(retry_after_s=0)
    lose_one(sandbox, "rate_limit")
    gateway.record_consumption(service.id, 100, 0)
    assert consumed(gateway) == 100
