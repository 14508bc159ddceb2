"""Locking deliveries and counting their moves: in one order everywhere, so that nobody waits in a circle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from usage import tallies
from usage.models import Delivery

Moved = tuple[Delivery, str, str]
"""A delivery with its entry, the state that it leaves, and the one that it comes to."""


def locked(rows: QuerySet[Delivery], *, skip_locked: bool = False) -> QuerySet[Delivery]:
    """These rows with their entries, locked until the transaction ends, lowest first."""
    return (
        rows.select_for_update(of=("self",), skip_locked=skip_locked).select_related("entry").order_by("pk")
    )


def is_due(now: datetime) -> Q:
    """Its time has come, or it has none."""
    return Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)


def count(moved: Iterable[Moved]) -> None:
    """Move the tallies with them; last of all in the transaction."""
    by_account: defaultdict[int, list[tallies.Move]] = defaultdict(list)
    for delivery, before, after in moved:
        if before != after:
            by_account[delivery.account_id].append(tallies.move_of(delivery.entry, before, after))
    for account_id in sorted(by_account):
        tallies.move(account_id, by_account[account_id])
