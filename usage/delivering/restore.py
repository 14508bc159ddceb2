"""A database that was put back to an earlier moment: noticing it, and sending nothing twice then.

Two files beside the database then know more than it does: the head log, and that of usage.delivering.claims.
"""

from __future__ import annotations

import hashlib

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import audit
from accounts.models import Exchange
from accounts.models.audit import SubjectKind
from usage import head_log
from usage.delivering.claims import claims_lost
from usage.delivering.moves import count, locked
from usage.delivering.pause import queue_of
from usage.models import Delivery, DeliveryAttempt, DeliveryQueue

State = Delivery.State
BATCH = 500
RESTORED = gettext_noop(
    "The database was restored from a backup: this may have been reported before, and is not known to."
)
log = structlog.get_logger("gateway.delivery")


def guard_restored(exchange: Exchange) -> int:
    """Do what a restored backup takes, once for each; how many entries are uncertain by it.

    To be called before anything is sent. That it was done is written in the database itself: where the same
    backup is restored again, it is done again.
    """
    lost = claims_lost(exchange)
    behind = head_log.rolled_back(exchange)
    if not lost and (not behind or _fingerprint(behind) == queue_of(exchange).restored_heads):
        return 0
    log.warning(
        "database_was_restored", exchange=exchange.base_url, chains_behind=len(behind), reports_lost=lost
    )
    return after_restore(exchange)


def after_restore(exchange: Exchange) -> int:
    """The database is a restored backup: what waits in it may have been reported since. How many entries are
    uncertain now that were not.

    Where the Exchange has proved that a repeated key counts once, they go on waiting: the keys are the
    entries' hashes, the same as before, so that sending them again counts nothing twice. (The proof itself is
    part of the backup: one that is older than the proof has none.)
    """
    lost, heads = claims_lost(exchange), _fingerprint(head_log.rolled_back(exchange))
    total = 0
    if not Exchange.objects.filter(pk=exchange.pk, idempotency_proved_at__isnull=False).exists():
        while changed := _unsettle(exchange):
            total += changed
    # last of all: whoever is interrupted before begins again
    with transaction.atomic():
        DeliveryQueue.objects.filter(exchange=exchange).update(
            restored_at=timezone.now(), restored_heads=heads, claims=F("claims") + lost
        )
        subject = audit.Subject(SubjectKind.BOOKS, name=exchange.base_url)
        audit.note("books.restored", subject=subject, detail={"uncertain": total, "reports_lost": lost})
    log.warning("restore_settled", exchange=exchange.base_url, uncertain=total)
    return total


def _unsettle(exchange: Exchange) -> int:
    with transaction.atomic(durable=True):
        waiting = Delivery.objects.filter(exchange=exchange, state__in=(State.PENDING, State.SENDING))
        rows = list(locked(waiting)[:BATCH])
        for row in rows:
            if row.state == State.SENDING:
                DeliveryAttempt.objects.filter(delivery=row, number=row.attempts).update(
                    outcome=State.UNCERTAIN
                )
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=State.UNCERTAIN, lease=None, leased_until=None, next_attempt_at=None, error=RESTORED
        )
        count((row, row.state, State.UNCERTAIN) for row in rows)
    return len(rows)


def _fingerprint(behind: list[head_log.RolledBack]) -> str:
    named = sorted(f"{found.chain.chain_id} {found.logged.seq} {found.logged.hash}" for found in behind)
    return hashlib.sha256("\n".join(named).encode()).hexdigest() if named else ""
