"""How delivery stands, for the dashboard and /readyz: by a few short looks, however much waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from usage.models import Delivery, DeliveryHold, DeliveryQueue, DeliveryTally, LedgerEntry

State = Delivery.State
ALIVE = timedelta(seconds=15)
"""A worker that has not been seen for so long is gone; it says every five seconds that it is there."""

MOST_LOOKED_AT = 500
"""Of what failed before, those that are next: one of them is the oldest, or nearly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """Counts are of entries. ``oldest_pending_at``: when the entry that waits longest was recorded, and
    ``lag_seconds`` how long ago that is; None and 0 where nothing waits. ``failure``: why it is paused or
    held, as the Exchange said it; "" while it goes well.
    """

    pending: int = 0
    sending: int = 0
    uncertain: int = 0
    rejected: int = 0
    oldest_pending_at: datetime | None = None
    lag_seconds: int = 0
    worker_seen_at: datetime | None = None
    worker_alive: bool = False
    paused_until: datetime | None = None
    failure: str = ""

    @property
    def is_paused(self) -> bool:
        return self.paused_until is not None


def queue_status(exchange: Exchange) -> QueueStatus:
    """How delivery to this Exchange stands, for all accounts together."""
    counts = _counts(DeliveryTally.objects.filter(account__exchange=exchange))
    oldest, failure = None, ""
    if counts.get(State.PENDING):
        oldest = _oldest_of(exchange)
        failure = _held(DeliveryHold.objects.filter(account__exchange=exchange))
    return _status(counts, oldest, exchange, failure)


def account_status(account: ExchangeAccount) -> QueueStatus:
    """How delivery of this account's entries stands. The oldest is the one that occurred first of them."""
    counts = _counts(DeliveryTally.objects.filter(account=account))
    oldest, failure = None, ""
    if counts.get(State.PENDING):
        waiting = Delivery.objects.filter(account=account, state=State.PENDING)
        first = waiting.order_by("occurred_at", "seq").values_list("entry__recorded_at", flat=True)
        oldest = first.first()
        failure = _held(DeliveryHold.objects.filter(account=account))
    return _status(counts, oldest, account.exchange, failure)


def _counts(rows: QuerySet[DeliveryTally]) -> dict[str, int]:
    return dict(rows.values_list("state").annotate(Sum("entries")))


def _held(holds: QuerySet[DeliveryHold]) -> str:
    return holds.order_by("account").values_list("error", flat=True).first() or ""


def _oldest_of(exchange: Exchange) -> datetime | None:
    waiting = Delivery.objects.filter(exchange=exchange, state=State.PENDING)
    # in the order of the index of what waits: by another one, a database reads all that was ever settled
    waiting = waiting.order_by("next_attempt_at", "entry")
    new = waiting.filter(next_attempt_at=None).values_list("pk", flat=True)
    again = waiting.filter(next_attempt_at__isnull=False).values_list("pk", flat=True)
    keys = [*new[:1], *again[:MOST_LOOKED_AT]]
    if not keys:
        return None
    return LedgerEntry.objects.filter(pk=min(keys)).values_list("recorded_at", flat=True).first()


def _status(counts: dict[str, int], oldest: datetime | None, exchange: Exchange, failure: str) -> QueueStatus:
    now = timezone.now()
    queue = DeliveryQueue.objects.filter(exchange=exchange).first() or DeliveryQueue(exchange=exchange)
    paused = queue.paused_until if queue.paused_until and queue.paused_until > now else None
    seen = queue.worker_seen_at
    return QueueStatus(
        pending=counts.get(State.PENDING, 0),
        sending=counts.get(State.SENDING, 0),
        uncertain=counts.get(State.UNCERTAIN, 0),
        rejected=counts.get(State.REJECTED, 0),
        oldest_pending_at=oldest,
        lag_seconds=max(int((now - oldest).total_seconds()), 0) if oldest else 0,
        worker_seen_at=seen,
        worker_alive=seen is not None and now - seen < ALIVE,
        paused_until=paused,
        failure=queue.failure or failure,
    )
