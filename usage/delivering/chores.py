"""What the worker sees to beside delivering: reconciling every hour, verifying as often, a long book daily;
and the mails of budgets.

In threads of their own: a large book takes minutes, a mail server may hang, and deliveries wait for neither.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connections
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from usage import reconciliation, verification
from usage.budgets import mailing
from usage.delivering.pause import queue_of
from usage.evidence import keeping
from usage.models import Chain, DeliveryQueue, ReconciliationRun, VerificationRun
from usage.turns import turn

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
LOOKS_EVERY = 5.0
"""Seconds between two looks for accounts that are to be reconciled or verified."""
log = structlog.get_logger("gateway.delivery")

Chore = Callable[[], object]


class Chores:
    """One thread at a time, and one for mails. What fails is logged, and tried again when it is due again.

    Of several workers one sees to an Exchange's accounts; where it dies, the next one goes on with what it
    has left undone.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._mailing: threading.Thread | None = None
        self._mails_at: float | None = None
        self._looked_at: float | None = None
        self._tried: dict[tuple[str, int], datetime] = {}

    def start_if_due(self, exchange: Exchange) -> None:
        """Begin what is due, unless something is being done."""
        if not _is_busy(self._mailing) and (mails := self._mails()):
            self._mailing = _begin(lambda: _run(mails), "mails")
        if not _is_busy(self._thread) and self._looks() and self.due(exchange):
            self._thread = _begin(lambda: self.see_to(exchange), "chores")

    def see_to(self, exchange: Exchange) -> None:
        """Do what is due, one after the other, unless another worker is at it."""
        with turn(f"chores {exchange.pk}") as ours:
            if not ours:
                return
            now = timezone.now()
            if self._unreconciled(exchange, now):
                # a new hour begins; an account without a run in it is still to be done, whoever began
                DeliveryQueue.objects.filter(_hour_is_over(now), exchange=exchange).update(reconciled_at=now)
            _run([keeping.remove_old, *self.due(exchange)])

    def due(self, exchange: Exchange) -> list[Chore]:
        """What is to be done now, each for one account."""
        now = timezone.now()
        return [
            *(partial(self._reconcile, account) for account in self._unreconciled(exchange, now)),
            *(partial(self._verify, account) for account in self._unverified(exchange, now)),
        ]

    def _mails(self) -> list[Chore]:
        """Mailing, where a mail waits; looked for every few seconds."""
        if self._mails_at is not None and time.monotonic() - self._mails_at < MAILS_EVERY:
            return []
        self._mails_at = time.monotonic()
        return [_mail] if mailing.is_anything_due(timezone.now()) else []

    def _looks(self) -> bool:
        """Whether it is time to look for what is due: some queries, every few seconds."""
        if self._looked_at is not None and time.monotonic() - self._looked_at < LOOKS_EVERY:
            return False
        self._looked_at = time.monotonic()
        return True

    def _unreconciled(self, exchange: Exchange, now: datetime) -> list[ExchangeAccount]:
        queue = queue_of(exchange)
        if queue.failures:
            return []
        accounts = _with_books(exchange).filter(exchange_user_id__isnull=False)
        hour = queue.reconciled_at
        if hour is None or hour < now - RECONCILED_EVERY:
            return list(accounts)
        runs = ReconciliationRun.objects.filter(account__exchange=exchange, started_at__gte=hour)
        tried = [key for (what, key), at in self._tried.items() if what == "reconcile" and at >= hour]
        return list(accounts.exclude(pk__in=runs.values("account")).exclude(pk__in=tried))

    def _unverified(self, exchange: Exchange, now: datetime) -> list[ExchangeAccount]:
        runs = (
            VerificationRun.objects.filter(account__exchange=exchange, started_at__gt=now - VERIFIED_EVERY)
            .values_list("account_id")
            .annotate(Max("started_at"), Max("finished_at"))
        )
        lately = now - TRIED_EVERY
        tried = {key for (what, key), at in self._tried.items() if what == "verify" and at > lately}
        done = {key for key, began, ended in runs if began > now - _verified_every(ended - began)}
        return list(_with_books(exchange).exclude(pk__in=done | tried))

    def _reconcile(self, account: ExchangeAccount) -> None:
        self._tried["reconcile", account.pk] = timezone.now()
        run = reconciliation.reconcile(account)
        if run.status == run.Status.UNAVAILABLE:
            early = timezone.now() - RECONCILED_EVERY + UNAVAILABLE_AGAIN
            DeliveryQueue.objects.filter(exchange=account.exchange_id).update(reconciled_at=early)

    def _verify(self, account: ExchangeAccount) -> None:
        self._tried["verify", account.pk] = timezone.now()
        verification.check(account)


def _with_books(exchange: Exchange) -> QuerySet[ExchangeAccount]:
    chains = Chain.objects.filter(account__exchange=exchange, seq__gt=0)
    return ExchangeAccount.objects.select_related("exchange", "user").filter(pk__in=chains.values("account"))


def _hour_is_over(now: datetime) -> Q:
    return Q(reconciled_at=None) | Q(reconciled_at__lt=now - RECONCILED_EVERY)


def _verified_every(took: timedelta) -> timedelta:
    return RECONCILED_EVERY if took < QUICKLY else VERIFIED_EVERY


def _mail() -> None:
    mailing.send_due(timezone.now())


def _is_busy(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.is_alive()


def _begin(work: Callable[[], None], name: str) -> threading.Thread:
    # a daemon: who stops the worker does not wait for it, and nothing is left half done
    thread = threading.Thread(target=_on_a_connection_of_its_own, args=[work], name=name, daemon=True)
    thread.start()
    return thread


def _on_a_connection_of_its_own(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # the next look finds it due again
        log.exception("chores_failed")
    finally:
        connections.close_all()


def _run(chores: list[Chore]) -> None:
    for chore in chores:
        try:
            chore()
        except Exception:
            log.exception("chore_failed")
