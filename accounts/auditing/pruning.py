"""Taking old events out of the audit trail: the only way in which one is ever removed."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.audit import note
from accounts.models import AuditEvent
from accounts.models.audit import Action

LEAST_KEPT = timedelta(days=90)
"""As long as limits remember who has tried to sign in."""
BATCH = 5000
log = structlog.get_logger("gateway.audit")


class TooYoungError(ValueError):
    """What is to be removed is younger than LEAST_KEPT."""


def prune(older_than: timedelta) -> int:
    """Remove events that are older; how many they were. Raises TooYoungError.

    First comes the note that says so, without which the database lets nothing go; it stays, as all notes of
    pruning do. Then batch by batch, so that nobody who is noted meanwhile has to wait.
    """
    if older_than < LEAST_KEPT:
        raise TooYoungError
    before = timezone.now() - older_than
    note(Action.AUDIT_PRUNED, pruned_before=before, detail={"before": before.isoformat()})
    removed = 0
    while done := _remove(before):
        removed += done
    log.info("audit_pruned", before=before.isoformat(), removed=removed)
    return removed


def _remove(before: datetime) -> int:
    with transaction.atomic():
        old = AuditEvent.objects.filter(at__lt=before, pruned_before=None).order_by("at", "id")
        keys = list(old.values_list("pk", flat=True)[:BATCH])
        return AuditEvent.objects.filter(pk__in=keys).delete()[0] if keys else 0
