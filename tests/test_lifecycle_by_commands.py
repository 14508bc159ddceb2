"""The same way of one account through the commands, over real HTTP; and what another Exchange knows of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError

from accounts.models import Exchange, ExchangeAccount, User
from catalog.tests.commands import document_of, text_of
from exchange import ExchangeClient
from tests.exchange_process import ExchangeProcess
from usage.models import DeliveryQueue

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


@pytest.fixture
def configured(configure: Configure) -> Configure:
    """A provider who is new everywhere, with a service to publish."""
    name = uuid.uuid4().hex[:12]
    configure(
        email=f"{name}@trader.example",
        display_name=f"Trader {name}",
        enable_provider=True,
        publish_name="acme-llama",
        model_family="llama-3.1-70b",
        price_per_1k=Decimal("0.0007"),
        trial_tokens=500,
    )
    return configure


def report(service_id: int, prompt: int, completion: int, *words: str) -> Any:
    numbers = ["--service-id", service_id, "--prompt-tokens", prompt, "--completion-tokens", completion]
    return document_of("record_usage", *map(str, numbers), *words)


def totals() -> tuple[int, int, int]:
    """What the Exchange has counted."""
    summary = document_of("usage_summary")["exchange"]
    return summary["consumed_tokens"], summary["supplied_tokens"], summary["net_tokens"]


def ours() -> tuple[int, int, int]:
    """What stands in our books."""
    summary = document_of("usage_summary")
    return summary["consumed_tokens"], summary["supplied_tokens"], summary["net_tokens"]


def after_a_while() -> None:
    """The pause that follows trouble is over."""
    DeliveryQueue.objects.update(paused_until=None)


def statement_of(process: ExchangeProcess) -> list[str | None]:
    account = ExchangeAccount.objects.get(exchange__base_url=process.base_url)
    with ExchangeClient(process.base_url) as client:
        return [entry.idempotency_key for entry in client.iter_statement(account.exchange_user_id or 0)]


def test_from_bootstrap_to_a_summary_that_moved_by_what_was_recorded(
    either: ExchangeProcess, configured: Configure
) -> None:
    configured(base_url=either.base_url)
    first, second = document_of("bootstrap"), document_of("bootstrap")
    assert first == second
    assert set(first) == {"user", "provider", "service", "summary"}
    service = first["service"]
    assert service["price_per_1k_tokens"] == Decimal("0.0007")
    assert document_of("list_services", "--mine") == [service]
    assert document_of("choose_provider", "--name", first["provider"]["display_name"]) == first["provider"]
    assert first["provider"] in document_of("list_providers")

    assert totals() == ours() == (0, 0, 0)
    report(service["id"], 1200, 300)
    assert totals() == ours() == (1500, 0, -1500)
    supplied = report(service["id"], 2000, 7, "--direction", "supply", "--memo", "night run")
    assert totals() == ours() == (1500, 2007, 507)
    summary = document_of("usage_summary")
    assert (supplied["seq"], supplied["delivery"]) == (2, "delivered")
    assert (summary["entry_count"], summary["head_hash"]) == (2, supplied["hash"])

    document = document_of("publish_service", "--price-per-1k", "0.00065")
    assert document == {**service, "price_per_1k_tokens": Decimal("0.00065")}
    assert document_of("list_services", "--mine") == [document]
    assert User.objects.count() == 1


def test_an_entry_sent_twice_is_counted_once_by_an_exchange_that_can(
    sandbox: ExchangeProcess, configured: Configure
) -> None:
    configured(base_url=sandbox.base_url)
    service_id = document_of("bootstrap")["service"]["id"]
    entry_id = str(uuid.uuid4())
    answers = [report(service_id, 100, 0, "--entry-id", entry_id) for _ in range(2)]
    assert answers[0] == answers[1]
    assert totals() == ours() == (100, 0, -100)
    assert statement_of(sandbox) == [answers[0]["hash"]]
    assert Exchange.objects.get().idempotency_proved_at is not None
    with pytest.raises(CommandError, match="other content"):
        report(service_id, 101, 0, "--entry-id", entry_id)
    assert totals() == ours() == (100, 0, -100)


def test_a_lost_answer_leaves_doubt_until_the_exchange_has_proved_itself(
    sandbox: ExchangeProcess, configured: Configure
) -> None:
    configured(base_url=sandbox.base_url)
    service_id = document_of("bootstrap")["service"]["id"]
    lost = [{"kind": "drop_after", "path": "/usage", "method": "POST"}]
    sandbox.control(next=lost)
    assert report(service_id, 100, 0)["delivery"] == "uncertain"
    assert totals() == ours() == (100, 0, -100)
    after_a_while()
    assert report(service_id, 10, 0)["delivery"] == "delivered"
    sandbox.control(next=lost)
    assert report(service_id, 1, 0)["delivery"] == "delivered"
    assert totals() == ours() == (111, 0, -111)
    keys = statement_of(sandbox)
    assert len(keys) == len(set(keys)) == 3


def test_another_base_url_is_another_exchange_and_nothing_mixes(
    sandbox: ExchangeProcess, core: ExchangeProcess, configured: Configure
) -> None:
    configured(base_url=sandbox.base_url)
    here = document_of("bootstrap")
    report(here["service"]["id"], 100, 0)

    configured(base_url=core.base_url)
    assert document_of("list_services", "--mine") == []
    assert totals() == (0, 0, 0)
    there = document_of("bootstrap")
    assert there["summary"]["consumed_tokens"] == 0
    # what the first has proved is not believed of the second: a lost answer there is not repeated
    core.control(next=[{"kind": "drop_after", "path": "/usage", "method": "POST"}])
    assert report(there["service"]["id"], 7, 0)["delivery"] == "uncertain"
    assert totals() == ours() == (7, 0, -7)

    configured(base_url=sandbox.base_url)
    assert totals() == ours() == (100, 0, -100)
    assert document_of("bootstrap")["user"] | {"free_tokens": None} == here["user"] | {"free_tokens": None}
    assert ExchangeAccount.objects.count() == Exchange.objects.count() == 2
    proved = Exchange.objects.exclude(idempotency_proved_at=None)
    assert [exchange.base_url for exchange in proved] == [sandbox.base_url]


def test_a_market_prints_as_a_table(sandbox: ExchangeProcess, configured: Configure) -> None:
    configured(base_url=sandbox.base_url)
    lines = text_of("list_services", "--model-family", "gpt-4o").splitlines()
    header = "id  service model family provider USD per 1K tokens trial tokens"
    assert lines[0].split() == header.split()
    prices = [Decimal(line.split()[-2]) for line in lines[2:]]
    assert prices == sorted(prices)
    assert len(prices) == 3
    assert len({len(line) for line in lines}) == 1
