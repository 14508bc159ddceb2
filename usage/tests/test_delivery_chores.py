from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.factories import make_account, make_exchange
from accounts.models import ExchangeAccount
from usage import reconciliation, verification
from usage.delivering import chores as delivery_chores
from usage.delivering.chores import Chores
from usage.delivering.pause import note_trouble
from usage.evidence import keeping
from usage.factories import make_entry
from usage.models import DeliveryQueue, EvidencePart, ReconciliationRun, VerificationRun
from usage.turns import turn

pytestmark = pytest.mark.django_db
Done = list[tuple[str, int]]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    """What was reconciled and verified, by the account's key."""
    seen: Done = []

    def reconcile(account: ExchangeAccount) -> ReconciliationRun:
        seen.append(("reconcile", account.pk))
        return keep_run(account)

    monkeypatch.setattr(reconciliation, "reconcile", reconcile)
    monkeypatch.setattr(verification, "check", lambda account: seen.append(("verify", account.pk)))
    return seen


def keep_run(account: ExchangeAccount, status: str = "clean") -> ReconciliationRun:
    now = timezone.now()
    return ReconciliationRun.objects.create(account=account, status=status, started_at=now, finished_at=now)


def do(chores: Chores, account: ExchangeAccount) -> None:
    chores.see_to(account.exchange)


def later(**passed: int) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**passed), tick=True)


def test_every_account_with_a_book_is_seen_to(account: ExchangeAccount, done: Done) -> None:
    make_account()  # has recorded nothing
    other = make_account()
    for one in (account, other):
        make_entry(account=one)
    make_entry(account=make_account(exchange=make_exchange(base_url="http://old.example")))
    do(Chores(), account)
    assert sorted(done) == sorted(
        (what, one.pk) for what in ("reconcile", "verify") for one in (account, other)
    )


def test_reconciling_is_done_every_hour_by_one_worker(account: ExchangeAccount, done: Done) -> None:
    make_entry(account=account)
    one, other = Chores(), Chores()
    for minutes in (0, 59, 61, 62):
        with later(minutes=minutes):
            for chores in (one, other):
                do(chores, account)
    assert done.count(("reconcile", account.pk)) == 2


def test_another_worker_goes_on_where_one_has_died(
    account: ExchangeAccount, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [account, make_account(), make_account()]
    for one in accounts:
        make_entry(account=one)
    reconcile = reconciliation.reconcile

    def die(account: ExchangeAccount) -> ReconciliationRun:
        if done:
            raise SystemExit
        return reconcile(account)

    monkeypatch.setattr(reconciliation, "reconcile", die)
    with pytest.raises(SystemExit):
        do(Chores(), account)
    monkeypatch.setattr(reconciliation, "reconcile", reconcile)
    with later(minutes=2):
        do(Chores(), account)
    assert sorted(pk for what, pk in done if what == "reconcile") == sorted(one.pk for one in accounts)


def test_packs_whose_time_is_over_go(account: ExchangeAccount, done: Done) -> None:
    make_entry(account=account)
    row = keeping.make(account, deadline=0)
    do(Chores(), account)
    assert EvidencePart.objects.filter(export=row).exists()
    with later(hours=25):
        do(Chores(), account)
    assert not EvidencePart.objects.exists()


def test_what_another_worker_is_at_is_left_to_it(account: ExchangeAccount, done: Done) -> None:
    make_entry(account=account)
    with turn(f"chores {account.exchange_id}") as ours:
        assert ours
        do(Chores(), account)
    assert done == []
    do(Chores(), account)
    assert len(done) == 2


def test_one_that_fails_is_tried_once_an_hour_by_each(
    account: ExchangeAccount, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_entry(account=account)
    tried: list[ExchangeAccount] = []

    def fail(account: ExchangeAccount) -> ReconciliationRun:
        tried.append(account)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(reconciliation, "reconcile", fail)
    chores = Chores()
    for minutes in (0, 1, 59, 61):
        with later(minutes=minutes):
            do(chores, account)
    assert len(tried) == 2


def test_an_exchange_that_could_not_be_asked_is_asked_again_soon(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ExchangeAccount] = []

    def away(account: ExchangeAccount) -> ReconciliationRun:
        asked.append(account)
        return keep_run(account, "unavailable")

    monkeypatch.setattr(reconciliation, "reconcile", away)
    monkeypatch.setattr(verification, "check", lambda account: None)
    make_entry(account=account)
    for minutes in (0, 4, 6):
        with later(minutes=minutes):
            do(Chores(), account)
    assert len(asked) == 2


@pytest.mark.parametrize(("took", "times"), [(timedelta(seconds=5), 2), (timedelta(minutes=5), 1)])
def test_a_book_that_is_verified_quickly_is_verified_every_hour(
    account: ExchangeAccount, done: Done, took: timedelta, times: int
) -> None:
    make_entry(account=account)
    do(Chores(), account)
    began = timezone.now()
    VerificationRun.objects.create(
        account=account, started_at=began, finished_at=began + took, ok=True, entries=1, head_seq=1
    )
    with later(minutes=61):
        do(Chores(), account)
    assert done.count(("verify", account.pk)) == times


def test_verifying_a_long_book_is_done_every_day(account: ExchangeAccount, done: Done) -> None:
    make_entry(account=account)
    chores = Chores()
    for hours in (0, 23, 25):
        with later(hours=hours):
            do(chores, account)
            if ("verify", account.pk) in done[-1:]:
                VerificationRun.objects.create(
                    account=account,
                    started_at=timezone.now(),
                    finished_at=timezone.now() + timedelta(minutes=5),
                    ok=True,
                    entries=1,
                    head_seq=1,
                    head_hash="",
                )
    assert done.count(("verify", account.pk)) == 2


def test_a_verification_that_cannot_run_is_not_tried_at_once(account: ExchangeAccount, done: Done) -> None:
    make_entry(account=account)
    chores = Chores()
    for minutes in (0, 1, 59, 61):
        with later(minutes=minutes):
            do(chores, account)
    assert done.count(("verify", account.pk)) == 2


def test_nothing_is_reconciled_with_an_exchange_that_is_away(account: ExchangeAccount, done: Done) -> None:
    make_entry(account=account)
    note_trouble(account.exchange, "It is away.")
    do(Chores(), account)
    assert ("reconcile", account.pk) not in done
    assert DeliveryQueue.objects.get().reconciled_at is None


def test_an_account_that_is_not_registered_is_verified_alone(done: Done) -> None:
    account = make_account(registered=False)
    make_entry(account=account)
    do(Chores(), account)
    assert done == [("verify", account.pk)]


def test_one_that_fails_does_not_keep_the_next_from_being_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    def fail() -> None:
        raise RuntimeError("a fault of ours")

    delivery_chores._run([fail, lambda: seen.append("the next")])
    assert seen == ["the next"]
    assert "a fault of ours" in caplog.text


def test_they_are_done_beside_delivering(account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    begun, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        may_end.wait(30)

    chores = Chores()
    monkeypatch.setattr(chores, "due", lambda _exchange: [slow])
    monkeypatch.setattr(chores, "see_to", lambda _exchange: slow())
    chores.start_if_due(account.exchange)
    assert begun.wait(30)
    thread = chores._thread
    # while one is at it, no other begins
    chores._looked_at = None
    chores.start_if_due(account.exchange)
    assert chores._thread is thread
    may_end.set()
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()
