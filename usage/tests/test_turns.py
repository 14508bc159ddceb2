from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone

from accounts.models import ExchangeAccount
from usage import reconciliation, turns
from usage.models import ReconciliationRun, Turn
from usage.reconciliation import reconcile
from usage.tests.their_books import TheirBooks
from usage.turns import is_taken, turn

LIMIT = 30


@pytest.mark.django_db
def test_it_is_had_by_one_at_a_time() -> None:
    with turn("one") as ours, turn("one") as also, turn("other") as another:
        assert (ours, also, another) == (True, False, True)
        assert is_taken("one")
    assert not is_taken("one")
    with turn("one") as again:
        assert again


@pytest.mark.django_db
def test_it_is_given_back_by_who_fails() -> None:
    with pytest.raises(RuntimeError), turn("one"):
        raise RuntimeError
    assert not is_taken("one")


@pytest.mark.django_db
def test_who_died_lets_go_after_the_lease_and_takes_nothing_back_later() -> None:
    died = turn("one")
    assert died.__enter__()
    with time_machine.travel(timezone.now() + turns.LEASE - timedelta(seconds=5)), turn("one") as ours:
        assert not ours
    with time_machine.travel(timezone.now() + turns.LEASE + timedelta(seconds=5)), turn("one") as ours:
        assert ours
        died.__exit__(None, None, None)
        assert is_taken("one")


@pytest.mark.alone
@pytest.mark.django_db(transaction=True)
def test_it_is_kept_for_as_long_as_its_holder_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LEASE", timedelta(seconds=1.5))
    with turn("one"):
        first = Turn.objects.get().until
        time.sleep(2.5)
        assert is_taken("one")
        assert Turn.objects.get().until > first  # type: ignore[operator]
    assert Turn.objects.get().until is None


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_instant_it_is_ones() -> None:
    together, had, may_end = threading.Barrier(8), [], threading.Event()

    def take() -> None:
        try:
            together.wait(LIMIT)
            with turn("one") as ours:
                had.append(ours)
                may_end.wait(LIMIT)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + LIMIT
    while len(had) < 8 and time.monotonic() < give_up:
        time.sleep(0.01)
    may_end.set()
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(had) == [False] * 7 + [True]
    connection.close()


@pytest.mark.django_db
def test_who_waits_for_another_s_reconciliation_is_told_so_in_time(
    account: ExchangeAccount, theirs: TheirBooks
) -> None:
    with turn(f"reconcile {account.pk}"):
        run = reconcile(account, deadline=0.3)
    assert run.status == ReconciliationRun.Status.UNAVAILABLE
    assert "being reconciled at this moment" in run.reason


@pytest.mark.django_db
def test_who_waits_for_another_s_reconciliation_comes_after_it(
    account: ExchangeAccount, theirs: TheirBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = turn(f"reconcile {account.pk}")
    other.__enter__()
    monkeypatch.setattr(reconciliation.time, "sleep", lambda _seconds: other.__exit__(None, None, None))
    assert reconcile(account).status == ReconciliationRun.Status.CLEAN
