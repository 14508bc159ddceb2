"""Writing down what came of reports: in a short transaction of its own, and not lost for a busy database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import random

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from usage.delivering.leases import Claimed
from usage.delivering.moves import Moved, count, locked
from usage.delivering.outcomes import Outcome, backoff
from usage.models import Delivery, DeliveryAttempt

State = Delivery.State
SETTLED = (State.DELIVERED, State.REJECTED)

PATIENCE = 60.0
"""Seconds for which a worker tries to write down what it knows; a database restarts in less."""
log = structlog.get_logger("gateway.delivery")


def mark(results: Sequence[tuple[Claimed, Outcome]], *, patience: float = PATIENCE) -> None:
    """Write these outcomes down, the attempts' and the entries'. Tries again for ``patience`` seconds while
    the database is busy or away, and then raises its error: the leases say what is not known.

    Who comes back after the lease was taken overwrites nothing that somebody decided since: see ``_place``.
    """
    if not results:
        return
    now, gives_up_at, pause = timezone.now(), time.monotonic() + patience, 0.05
    while True:
        try:
            _mark(results, now)
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() + pause > gives_up_at:
                for claimed, outcome in results:
                    log.exception("outcome_not_written", **facts(claimed, outcome))
                raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause * random())  # noqa: S311 - spreads the tries, guards nothing
            pause = min(pause * 2, 5.0)
        else:
            return


def facts(claimed: Claimed, outcome: Outcome) -> dict[str, object]:
    """What a log line says about a report."""
    delivery = claimed.delivery
    return {
        "account": delivery.account_id,
        "seq": delivery.seq,
        "entry_id": str(delivery.entry.entry_id),
        "hash": delivery.entry.hash,
        "attempt": claimed.number,
        "state": str(outcome.state),
        "status": outcome.status,
        "rules": ",".join(rule["id"] for rule in outcome.rules) or None,
        "error": outcome.error or None,
    }


def _mark(results: Sequence[tuple[Claimed, Outcome]], now: datetime) -> None:
    moved: list[Moved] = []
    with transaction.atomic(durable=True):
        keys = [claimed.delivery.pk for claimed, _outcome in results]
        rows = {row.pk: row for row in locked(Delivery.objects.filter(pk__in=keys))}
        for claimed, outcome in results:
            _complete_attempt(claimed, outcome, now)
            row = rows[claimed.delivery.pk]
            before = _place(row, claimed, outcome)
            if before is None:
                log.warning("came_back_late", found=row.state, **facts(claimed, outcome))
                continue
            _write(row, outcome, now)
            moved.append((row, before, outcome.state))
        count(moved)


def _place(row: Delivery, claimed: Claimed, outcome: Outcome) -> str | None:
    """The state that the entry leaves by this outcome; None where it must stay as it is.

    Ours, while it is under our lease. After that, a certain answer still counts where no newer attempt was
    made and nobody has settled it: it is the answer that was waited for, and saves it from being sent again.
    """
    if row.state == State.SENDING and row.lease == claimed.lease:
        return row.state
    waits_for_news = row.state in (State.UNCERTAIN, State.PENDING) and row.attempts == claimed.number
    return row.state if waits_for_news and outcome.state in SETTLED else None


def _write(row: Delivery, outcome: Outcome, now: datetime) -> None:
    row.state, row.lease, row.leased_until = outcome.state, None, None
    row.status, row.error, row.rules = outcome.status, outcome.error, outcome.rules
    row.receipt, row.exchange_entry_id = outcome.receipt, outcome.exchange_entry_id
    row.next_attempt_at = None
    if outcome.waits:
        seconds = backoff(row.attempts, random(), outcome.retry_after)  # noqa: S311
        row.next_attempt_at = now + timedelta(seconds=seconds)
    settled = outcome.state in SETTLED
    row.settled_at = now if settled else None
    row.settled_by = Delivery.SettledBy.ANSWER if settled else ""
    row.save()


def _complete_attempt(claimed: Claimed, outcome: Outcome, now: datetime) -> None:
    DeliveryAttempt.objects.filter(delivery=claimed.delivery, number=claimed.number).update(
        ended_at=now,
        outcome=outcome.attempt,
        status=outcome.status,
        error=outcome.error,
        request_id=outcome.request_id,
    )
