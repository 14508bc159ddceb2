"""Several who deliver at the same instant, on threads and connections of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Lock, Thread

import pytest
from django.db import connection
from django.utils import timezone

from accounts import exchanges
from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from usage import ledger
from usage.delivering.leases import claim
from usage.delivery import deliver_due, deliver_now, settle_by_person
from usage.factories import make_entries, make_entry
from usage.ledger import NotReversible
from usage.models import Delivery, DeliveryAttempt, DeliveryQueue, LedgerEntry
from usage.tests.reporting import Counting, prove, state_of, tallies_are_right

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 60
"""Seconds after which a test that hangs fails instead."""
WORKERS = 4


def at_once(*works: Callable[[], object]) -> None:
    """Do all of these at the same instant; raises the first error of any."""
    together, errors = Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        try:
            together.wait(LIMIT)
            work()
        except Exception as error:  # noqa: BLE001 - raised again below
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.fixture(autouse=True)
def _calls_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand for processes, each of which has a client of its own."""
    monkeypatch.setattr(exchanges, "CALLS_AT_ONCE", WORKERS)


@pytest.mark.parametrize("proved", [True, False])
def test_workers_share_what_waits_and_send_nothing_twice(
    proved: bool, account: ExchangeAccount, wire: Wire
) -> None:
    exchange = Counting(wire, proves=proved)
    if proved:
        prove(account)
    entries = make_entries(account, 60)

    def work() -> None:
        while deliver_due(account.exchange, limit=20).has_news:
            pass

    at_once(*[work] * WORKERS)
    assert Counter(exchange.keys) == Counter(entry.hash for entry in entries)
    assert {state_of(entry) for entry in entries} == {"delivered"}
    assert DeliveryAttempt.objects.count() == 60
    assert DeliveryQueue.objects.get().claims > 0
    assert tallies_are_right()


def test_one_entry_is_taken_by_one_of_many(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    taken, lock = [], Lock()

    def take() -> None:
        claimed = claim(account.exchange, [entry.pk])
        with lock:
            taken.extend(claimed)

    at_once(*[take] * WORKERS)
    assert len(taken) == 1
    assert Delivery.objects.get().attempts == 1


def test_a_page_and_a_worker_send_an_entry_once(account: ExchangeAccount, wire: Wire) -> None:
    core = Counting(wire, proves=False)
    entries = make_entries(account, 5)

    def page() -> None:
        for entry in entries:
            deliver_now(entry, deadline=4)

    at_once(page, lambda: deliver_due(account.exchange))
    assert sorted(core.keys) == sorted(entry.hash for entry in entries)
    assert tallies_are_right()


def test_an_entry_is_reversed_or_sent_and_never_both(account: ExchangeAccount, wire: Wire) -> None:
    core = Counting(wire, proves=False)
    entries = make_entries(account, 12)

    def reverse() -> None:
        for entry in entries:
            try:
                ledger.reverse(account, entry.seq, reason="a mistake", source="page")
            except NotReversible:
                continue

    at_once(reverse, lambda: deliver_due(account.exchange), lambda: deliver_due(account.exchange))
    for entry in entries:
        assert state_of(entry) == ("delivered" if entry.hash in core.keys else "withdrawn")
    assert max(Counter(core.keys).values(), default=1) == 1
    reversals = LedgerEntry.objects.filter(reverses_seq__isnull=False)
    assert not {entry.hash for entry in reversals} & set(core.keys)
    assert tallies_are_right()


def test_who_settles_twice_at_once_settles_once(account: ExchangeAccount) -> None:
    entry = make_entry(account=account, state="uncertain")
    settled, lock = [], Lock()

    def settle(counted: bool) -> None:
        try:
            delivery = settle_by_person(account, entry.seq, counted=counted)
        except ValueError:
            return
        with lock:
            settled.append(delivery.state)

    at_once(lambda: settle(True), lambda: settle(False), lambda: settle(True))
    assert len(settled) == 1
    assert state_of(entry) == settled[0]
    assert Delivery.objects.get().leased_until is None
    assert entry.recorded_at <= timezone.now()
    assert tallies_are_right()
