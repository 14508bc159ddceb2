"""Which entries to deliver next: every account gets its share, and what failed before stops nothing new."""

from __future__ import annotations

import random
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import Exchange, ExchangeAccount
from usage.delivering.pause import held
from usage.models import Delivery, DeliveryTally

State = Delivery.State


@dataclass(frozen=True, slots=True)
class Due:
    """An entry to deliver, by its key, and whose it is."""

    key: int
    account: ExchangeAccount


def due(exchange: Exchange, limit: int) -> list[Due]:
    """Up to so many entries. New ones come first, shared among the accounts, each account's oldest first.

    What failed before has half of the places at most, and comes last: it may fail again and end the round.
    """
    skip = held(exchange)
    waiting = Delivery.objects.filter(exchange=exchange, state=State.PENDING)
    again = list(
        waiting.filter(next_attempt_at__lte=timezone.now())
        .exclude(account_id__in=skip)
        .order_by("next_attempt_at", "entry")
        .values_list("pk", "account_id")[: max(limit // 2, 1)]
    )
    keys = _fresh(exchange, limit - len(again), skip) + again
    accounts = ExchangeAccount.objects.select_related("user").in_bulk({account for _key, account in keys})
    return [Due(key, accounts[account]) for key, account in keys]


def is_anything_pending(exchange: Exchange) -> bool:
    """Whether anything waits or is under way: a look that costs next to nothing."""
    return DeliveryTally.objects.filter(
        account__exchange=exchange, state__in=(State.PENDING, State.SENDING), entries__gt=0
    ).exists()


def _fresh(exchange: Exchange, limit: int, skip: set[int]) -> list[tuple[int, int]]:
    if limit < 1:
        return []
    tallies = DeliveryTally.objects.filter(account__exchange=exchange, state=State.PENDING, entries__gt=0)
    accounts = sorted(set(tallies.values_list("account_id", flat=True)) - skip)
    # where there are more than places, each has its chance
    chosen = random.sample(accounts, min(len(accounts), limit))  # nosec B311 - spreads them, guards nothing
    keys: list[tuple[int, int]] = []
    for place, account in enumerate(chosen):
        share = (limit - len(keys)) // (len(chosen) - place)
        rows = Delivery.objects.filter(account_id=account, state=State.PENDING, next_attempt_at=None)
        found = rows.order_by("occurred_at", "seq").values_list("pk", "account_id")
        keys += list(found[:share])
    return keys
