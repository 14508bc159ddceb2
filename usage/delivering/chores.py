"""What the worker sees to beside delivering: reconciling every hour, verifying as often, a long book daily;
and the mails of budgets.

In threads of their own: a large book takes minutes, a mail server may hang, and deliveries wait for neither.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import connections
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from usage import reconciliation, verification
from usage.budgets import mailing
from usage.delivering.pause import queue_of
from usage.models import Chain, DeliveryQueue, VerificationRun

RECONCILED_EVERY = timedelta(hours=1)
UNAVAILABLE_AGAIN = timedelta(minutes=5)
"""Where the Exchange could not be asked, nobody waits an hour to hear that it can be."""
VERIFIED_EVERY = timedelta(days=1)
QUICKLY = timedelta(seconds=30)
"""A book that is verified so quickly is verified with each reconciliation."""
TRIED_EVERY = timedelta(hours=1)
"""A verification that failed to run at all is tried again after so long."""
MAILS_EVERY = 5.0
"""Seconds between two looks for mails that wait."""
log = structlog.get_logger("gateway.delivery")

Chore = Callable[[], object]


class Chores:
    """One thread at a time, and one for mails. What fails is logged, and tried again when it is due again."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._mailing: threading.Thread | None = None
        self._mails_at: float | None = None
        self._verified: dict[int, datetime] = {}

    def start_if_due(self, exchange: Exchange) -> None:
        """Begin what is due, unless something is being done."""
        if not _is_busy(self._mailing) and (mails := self._mails()):
            self._mailing = _begin(mails, "mails")
        if not _is_busy(self._thread) and (chores := self.due(exchange)):
            self._thread = _begin(chores, "chores")

    def _mails(self) -> list[Chore]:
        """Mailing, where a mail waits; looked for every few seconds."""
        if self._mails_at is not None and time.monotonic() - self._mails_at < MAILS_EVERY:
            return []
        self._mails_at = time.monotonic()
        return [_mail] if mailing.is_anything_due(timezone.now()) else []

    def due(self, exchange: Exchange) -> list[Chore]:
        """What is to be done now, each for one account."""
        reconciling = self._reconciling(exchange)
        return [*reconciling, *(_verifying(account) for account in self._unverified(exchange))]

    def _reconciling(self, exchange: Exchange) -> list[Chore]:
        now = timezone.now()
        accounts = list(_with_books(exchange).filter(exchange_user_id__isnull=False))
        if not accounts or queue_of(exchange).failures:
            return []
        due = Q(reconciled_at=None) | Q(reconciled_at__lt=now - RECONCILED_EVERY)
        # of several workers one takes the hour
        if not DeliveryQueue.objects.filter(due, exchange=exchange).update(reconciled_at=now):
            return []
        return [_reconciling(account) for account in accounts]

    def _unverified(self, exchange: Exchange) -> list[ExchangeAccount]:
        now = timezone.now()
        runs = (
            VerificationRun.objects.filter(account__exchange=exchange)
            .values_list("account_id")
            .annotate(Max("started_at"), Max("finished_at"))
        )
        tried = [key for key, at in self._verified.items() if at > now - TRIED_EVERY]
        skip = {key for key, began, ended in runs if began > now - _verified_every(ended - began)} | set(
            tried
        )
        accounts = list(_with_books(exchange).exclude(pk__in=skip))
        self._verified |= dict.fromkeys((account.pk for account in accounts), now)
        return accounts


def _with_books(exchange: Exchange) -> QuerySet[ExchangeAccount]:
    chains = Chain.objects.filter(account__exchange=exchange, seq__gt=0)
    return ExchangeAccount.objects.select_related("exchange", "user").filter(pk__in=chains.values("account"))


def _reconciling(account: ExchangeAccount) -> Chore:
    def reconcile() -> None:
        run = reconciliation.reconcile(account)
        if run.status == run.Status.UNAVAILABLE:
            early = timezone.now() - RECONCILED_EVERY + UNAVAILABLE_AGAIN
            DeliveryQueue.objects.filter(exchange=account.exchange_id).update(reconciled_at=early)

    return reconcile


def _verified_every(took: timedelta) -> timedelta:
    return RECONCILED_EVERY if took < QUICKLY else VERIFIED_EVERY


def _verifying(account: ExchangeAccount) -> Chore:
    return lambda: verification.check(account)


def _mail() -> None:
    mailing.send_due(timezone.now())


def _is_busy(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.is_alive()


def _begin(chores: list[Chore], name: str) -> threading.Thread:
    # a daemon: who stops the worker does not wait for it, and nothing is left half done
    thread = threading.Thread(target=_run, args=[chores], name=name, daemon=True)
    thread.start()
    return thread


def _run(chores: list[Chore]) -> None:
    try:
        for chore in chores:
            try:
                chore()
            except Exception:
                log.exception("chore_failed")
    finally:
        connections.close_all()
