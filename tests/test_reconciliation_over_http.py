"""Reconciling with a real Exchange over real HTTP, one that loses answers included."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from threading import Thread

import pytest
import requests
from django.db import connections

from accounts.models import ExchangeAccount, User
from accounts.registration import ensure_registered
from tests.exchange_process import ExchangeProcess
from usage import ledger
from usage.delivery import deliver_now
from usage.ledger import Draft
from usage.models import Delivery, LedgerEntry, ReconciliationRun
from usage.reconciliation import lines_of, reconcile

pytestmark = pytest.mark.django_db(transaction=True)
Status = ReconciliationRun.Status
State = Delivery.State


@pytest.fixture
def register(configure: Callable[..., None]) -> Callable[[ExchangeProcess], ExchangeAccount]:
    """A new person at this Exchange."""

    def at(exchange: ExchangeProcess) -> ExchangeAccount:
        configure(base_url=exchange.base_url)
        user = User.objects.create_user(f"{uuid.uuid4().hex[:8]}@example.com")
        return ensure_registered(user, provider=True)

    return at


def service_at(exchange: ExchangeProcess, account: ExchangeAccount) -> int:
    offer = {
        "provider_id": account.provider_id,
        "name": f"llama {uuid.uuid4().hex[:8]}",
        "model_family": "llama-3.3-70b",
        "price_per_1k_tokens": 0.0006,
    }
    answer = requests.post(f"{exchange.base_url}/services", json=offer, timeout=30)
    return int(answer.json()["service"]["id"])


def report(exchange: ExchangeProcess, account: ExchangeAccount, service: int, tokens: int) -> None:
    """Something that is reported past the gateway."""
    usage = {"user_id": account.exchange_user_id, "service_id": service, "direction": "consume"}
    usage |= {"prompt_tokens": tokens, "completion_tokens": 0}
    requests.post(f"{exchange.base_url}/usage", json=usage, timeout=30).raise_for_status()


def record(account: ExchangeAccount, service: int, tokens: int = 100) -> LedgerEntry:
    draft = Draft(
        service_id=service, prompt_tokens=tokens, completion_tokens=0, direction="consume", memo="Ü"
    )
    entry = ledger.record_one(account, draft, source="command").entry
    assert entry is not None
    return entry


def deliver(entry: LedgerEntry) -> str:
    return deliver_now(entry, deadline=20).state


def test_books_that_agree(either: ExchangeProcess, register: Callable[..., ExchangeAccount]) -> None:
    account = register(either)
    service = service_at(either, account)
    report(either, account, service, 7)
    assert reconcile(account).totals["opening"]["consumed_tokens"] == 7
    for tokens in (100, 200):
        assert deliver(record(account, service, tokens)) == State.DELIVERED
    run = reconcile(account)
    assert run.status == Status.CLEAN, (run.reason, run.totals)
    assert run.totals["theirs"]["consumed_tokens"] == 307
    if run.has_lines:
        assert (run.lines["matched"], run.statement_chain_ok) == (2, True)


def test_what_was_reported_past_the_gateway_is_found(
    either: ExchangeProcess, register: Callable[..., ExchangeAccount]
) -> None:
    account = register(either)
    service = service_at(either, account)
    reconcile(account)
    deliver(record(account, service))
    report(either, account, service, 12)
    run = reconcile(account)
    assert (run.status, run.totals["difference"]["consumed_tokens"]) == (Status.DIFFERENT, 12)
    if run.has_lines:
        (line,) = lines_of(run, "theirs_only")
        assert line.theirs is not None
        assert line.theirs["prompt_tokens"] == 12


def test_a_lost_answer_where_repeats_count_twice_is_within_the_range(
    core: ExchangeProcess, register: Callable[..., ExchangeAccount]
) -> None:
    account = register(core)
    service = service_at(core, account)
    reconcile(account)
    core.control(next=[{"kind": "drop_after", "path": "/usage", "count": 1}])
    entry = record(account, service)
    assert deliver(entry) == State.UNCERTAIN
    run = reconcile(account)
    assert (run.status, run.lines["pending"]) == (Status.CLEAN, 1)
    assert run.totals["theirs"]["consumed_tokens"] == 100
    # the range is no wider than what nobody knows
    report(core, account, service, 1)
    assert reconcile(account).totals["difference"]["consumed_tokens"] == 1


def test_a_report_that_never_arrived_is_within_the_range_too(
    core: ExchangeProcess, register: Callable[..., ExchangeAccount]
) -> None:
    account = register(core)
    service = service_at(core, account)
    reconcile(account)
    core.control(next=[{"kind": "drop_before", "path": "/usage", "count": 1}])
    assert deliver(record(account, service)) == State.UNCERTAIN
    run = reconcile(account)
    assert (run.status, run.totals["theirs"]["consumed_tokens"]) == (Status.CLEAN, 0)


def test_a_lost_answer_is_settled_by_the_statement(
    sandbox: ExchangeProcess, register: Callable[..., ExchangeAccount]
) -> None:
    account = register(sandbox)
    service = service_at(sandbox, account)
    sandbox.control(next=[{"kind": "drop_after", "path": "/usage", "count": 1}])
    entry = record(account, service)
    if deliver(entry) == State.DELIVERED:
        pytest.fail("The answer was not lost.")
    run = reconcile(account)
    assert (run.status, run.lines["matched"]) == (Status.CLEAN, 1)
    delivery = Delivery.objects.get(entry=entry)
    assert (delivery.state, delivery.settled_by) == (State.DELIVERED, Delivery.SettledBy.STATEMENT)


def test_whatever_is_recorded_and_delivered_meanwhile_nothing_alarms(
    either: ExchangeProcess, register: Callable[..., ExchangeAccount]
) -> None:
    account = register(either)
    service = service_at(either, account)
    reconcile(account)

    def work() -> None:
        try:
            for tokens in range(1, 16):
                deliver(record(account, service, tokens))
        finally:
            connections.close_all()

    worker = Thread(target=work)
    worker.start()
    runs = [reconcile(account)]
    while worker.is_alive():
        runs.append(reconcile(account))
    worker.join()
    runs.append(reconcile(account))
    assert [(run.status, run.reason) for run in runs if run.status == Status.DIFFERENT] == []
    assert (runs[-1].status, runs[-1].totals["theirs"]["consumed_tokens"]) == (Status.CLEAN, 120)
    assert runs[-1].totals["ours"] == runs[-1].totals["ours_at_most"]


@pytest.mark.parametrize("path", ["/usage/summary", "/usage/statement"])
def test_an_exchange_that_breaks_off_makes_no_result(
    sandbox: ExchangeProcess, register: Callable[..., ExchangeAccount], path: str
) -> None:
    account = register(sandbox)
    deliver(record(account, service_at(sandbox, account)))
    assert reconcile(account).status == Status.CLEAN
    sandbox.control(next=[{"kind": "malformed", "path": path, "count": 5}])
    run = reconcile(account)
    assert run.status == Status.UNAVAILABLE
    assert run.reason
    sandbox.behave()
    assert reconcile(account).status == Status.CLEAN
