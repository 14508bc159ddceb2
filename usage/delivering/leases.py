"""Taking entries for delivery: the attempt and its lease are committed before anything is sent.

A lease belongs to who took it, by a number that is another one at each taking. It outlasts the call, so that
one that is over means a dead worker, or one that was stopped: nobody knows whether the report was sent. The
clocks of machines that share a database may differ by less than the lease has to spare.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import Exchange
from usage.delivering.claims import count_claim, note_claims
from usage.delivering.moves import Moved, count, is_due, locked
from usage.delivering.outcomes import backoff
from usage.models import Delivery, DeliveryAttempt

State = Delivery.State

CALL_SECONDS = 8.0
"""Seconds that one report may take in all."""
LEASE = timedelta(seconds=30)
SPARE = timedelta(seconds=5)
MOST_AT_ONCE = 100
DIED = gettext_noop("Whoever sent this stopped before it was known what became of it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An entry that is ours to report until ``until``; ``number`` is that of the attempt."""

    delivery: Delivery
    number: int
    lease: uuid.UUID
    until: datetime

    def has_time_for(self, seconds: float) -> bool:
        """Whether a call of so many seconds would end well within the lease, by the clock on the wall:
        a machine that slept since has lost it."""
        return timezone.now() + timedelta(seconds=seconds) + SPARE <= self.until


def claim(exchange: Exchange, keys: Sequence[int]) -> list[Claimed]:
    """Take these entries, as far as they wait, are due, belong to this Exchange and nobody else takes them;
    in this order. Committed when this returns. Must not be called inside a transaction.
    """
    now, lease = timezone.now(), uuid.uuid4()
    until = now + LEASE
    with transaction.atomic(durable=True):
        waiting = Delivery.objects.filter(pk__in=keys, exchange=exchange, state=State.PENDING)
        rows = list(locked(waiting.filter(is_due(now)), skip_locked=True).select_related("account__user"))
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=State.SENDING,
            lease=lease,
            leased_until=until,
            attempts=F("attempts") + 1,
            next_attempt_at=None,
        )
        DeliveryAttempt.objects.bulk_create(
            DeliveryAttempt(delivery=row, number=row.attempts + 1, started_at=now) for row in rows
        )
        count((row, State.PENDING, State.SENDING) for row in rows)
        if rows:
            count_claim(exchange)
    if rows:
        note_claims(exchange)
    rows.sort(key=lambda row: keys.index(row.pk))
    return [Claimed(delivery=row, number=row.attempts + 1, lease=lease, until=until) for row in rows]


def release(claimed: Collection[Claimed]) -> None:
    """Give back what was taken and certainly not sent, as if it had not been taken."""
    if not claimed:
        return
    numbers = {one.delivery.pk: one for one in claimed}
    with transaction.atomic(durable=True):
        rows = [
            row
            for row in locked(Delivery.objects.filter(pk__in=numbers, state=State.SENDING))
            if row.lease == numbers[row.pk].lease
        ]
        for row in rows:
            DeliveryAttempt.objects.filter(delivery=row, number=numbers[row.pk].number).delete()
            row.state, row.lease, row.leased_until, row.attempts = State.PENDING, None, None, row.attempts - 1
            # as it was read before it was taken
            row.next_attempt_at = numbers[row.pk].delivery.next_attempt_at
        fields = ["state", "lease", "leased_until", "attempts", "next_attempt_at"]
        Delivery.objects.bulk_update(rows, fields)
        count((row, State.SENDING, State.PENDING) for row in rows)


def expire(exchange: Exchange, *, keys: Collection[int] | None = None) -> int:
    """Take the entries whose lease is over from whoever died with them; how many they were.

    They wait again where a report may be repeated, else they are uncertain: nobody sends them by itself.
    """
    now = timezone.now()
    # of this moment, and not of when the caller read it: it decides whether something is sent twice
    proved = Exchange.objects.filter(pk=exchange.pk, idempotency_proved_at__isnull=False).exists()
    over = Delivery.objects.filter(exchange=exchange, state=State.SENDING, leased_until__lt=now)
    if keys is not None:
        over = over.filter(pk__in=keys)
    elif not over.exists():
        return 0  # the usual case takes no lock
    after = State.PENDING if proved else State.UNCERTAIN
    moved: list[Moved] = []
    with transaction.atomic(durable=True):
        for row in locked(over, skip_locked=True)[:MOST_AT_ONCE]:
            DeliveryAttempt.objects.filter(delivery=row, number=row.attempts).update(
                outcome=State.UNCERTAIN, error=DIED
            )
            row.state, row.lease, row.leased_until, row.error = after, None, None, DIED
            # whoever died by sending this one shall not do so at once again
            wait = timedelta(seconds=backoff(row.attempts, random()))  # noqa: S311
            row.next_attempt_at = now + wait if proved else None
            row.save(update_fields=["state", "lease", "leased_until", "error", "next_attempt_at"])
            moved.append((row, State.SENDING, after))
        count(moved)
    return len(moved)
