"""The worker sees to the mails of budgets beside delivering."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import ExchangeAccount
from accounts.tests.helpers import counted_queries
from usage.delivering import chores as delivery_chores
from usage.delivering.chores import Chores
from usage.models import BudgetNotice
from usage.tests.test_budget_mailing import notice

__all__ = ["notice"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What would be begun in threads, kept instead."""
    begun: list[Callable[[], object]] = []

    def begin(work: Callable[[], object], _name: str) -> threading.Thread:
        begun.append(work)
        return threading.Thread()

    monkeypatch.setattr(delivery_chores, "_begin", begin)
    monkeypatch.setattr(Chores, "due", lambda _self, _exchange: [])
    return begun


def test_the_worker_mails_what_waits(
    account: ExchangeAccount, notice: BudgetNotice, worked: list[Callable[[], object]]
) -> None:
    Chores().start_if_due(account.exchange)
    (chore,) = worked
    chore()
    assert len(mail.outbox) == 1
    Chores().start_if_due(account.exchange)
    assert len(worked) == 1, "nothing waits any more"


def test_it_looks_every_few_seconds_and_no_oftener(
    account: ExchangeAccount, worked: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(delivery_chores.time, "monotonic", lambda: clock[0])
    chores = Chores()
    with counted_queries(1):
        for _ in range(3):
            chores.start_if_due(account.exchange)
    clock[0] += delivery_chores.MAILS_EVERY
    with counted_queries(1):
        chores.start_if_due(account.exchange)


def test_a_mail_server_that_hangs_holds_up_neither_the_worker_nor_its_chores(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        may_end.wait(30)

    chores = Chores()
    monkeypatch.setattr(chores, "_mails", lambda: [hang])
    monkeypatch.setattr(chores, "due", lambda _exchange: [done.set])
    monkeypatch.setattr(chores, "see_to", lambda _exchange: done.set())
    try:
        started = timezone.now()
        chores.start_if_due(account.exchange)
        assert begun.wait(30)
        assert done.wait(30)
        thread = chores._mailing
        chores.start_if_due(account.exchange)
        assert chores._mailing is thread, "while one mails, no other begins"
        assert timezone.now() - started < timedelta(seconds=20)
    finally:
        may_end.set()
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()
