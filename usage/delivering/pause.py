"""How delivery to an Exchange is doing, kept in the database: a restart forgets no pause."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import random

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from usage.delivering.outcomes import backoff
from usage.models import DeliveryHold, DeliveryQueue

SEEN_EVERY = timedelta(seconds=5)
"""A worker says so often that it is alive, and that something was delivered: each is a write."""


def queue_of(exchange: Exchange) -> DeliveryQueue:
    """The Exchange's row, made at first use."""
    queue, _created = DeliveryQueue.objects.get_or_create(exchange=exchange)
    return queue


def note_trouble(exchange: Exchange, sentence: str, retry_after: float | None = None) -> datetime:
    """Leave the Exchange in peace for a while, longer with each failure in a row; until when."""
    queue_of(exchange)
    with transaction.atomic():
        queue = DeliveryQueue.objects.select_for_update().get(exchange=exchange)
        queue.failures = min(queue.failures + 1, 10_000)
        queue.failure = sentence
        until = _after(backoff(queue.failures, random(), retry_after))  # noqa: S311
        queue.paused_until = max(until, queue.paused_until or until)
        queue.save(update_fields=["failures", "failure", "paused_until"])
    return queue.paused_until


def note_answer(exchange: Exchange) -> None:
    """The Exchange does its work: what was said of its trouble is over.

    A pause that runs stays: nobody asks during one, so what is answered now was asked before it.
    """
    in_trouble = Q(failures__gt=0) | Q(paused_until__isnull=False)
    noted = DeliveryQueue.objects.filter(in_trouble, exchange=exchange)
    noted.exclude(paused_until__gt=timezone.now()).update(failures=0, failure="", paused_until=None)


def note_delivered(exchange: Exchange) -> None:
    """Something was counted, now."""
    now = timezone.now()
    lately = Q(delivered_at=None) | Q(delivered_at__lt=now - SEEN_EVERY)
    DeliveryQueue.objects.filter(lately, exchange=exchange).update(delivered_at=now)


def beat(exchange: Exchange) -> None:
    """A worker is at work."""
    now = timezone.now()
    lately = Q(worker_seen_at=None) | Q(worker_seen_at__lt=now - SEEN_EVERY)
    if not DeliveryQueue.objects.filter(lately, exchange=exchange).update(worker_seen_at=now):
        DeliveryQueue.objects.get_or_create(exchange=exchange, defaults={"worker_seen_at": now})


def hold(account: ExchangeAccount, sentence: str) -> None:
    """The Exchange refuses this account: its entries wait, longer each time."""
    row, _created = DeliveryHold.objects.get_or_create(account=account, defaults={"until": timezone.now()})
    row.failures = min(row.failures + 1, 10_000)
    row.until = _after(backoff(row.failures, random()))  # noqa: S311
    row.error = sentence
    row.save()


def let_go(account: ExchangeAccount) -> None:
    """The account is registered."""
    DeliveryHold.objects.filter(account=account).delete()


def held(exchange: Exchange) -> set[int]:
    """The accounts whose entries wait for now, because of a refusal."""
    now = timezone.now()
    rows = DeliveryHold.objects.filter(account__exchange=exchange, until__gt=now)
    return set(rows.values_list("account_id", flat=True))


def _after(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)
