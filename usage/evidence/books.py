"""Our own books, read in pieces: entries in the order of their chain, each with how its delivery stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from accounts.models import ExchangeAccount
from usage.canonical import digest, fields_of, moment
from usage.models import Chain, Delivery, DeliveryAttempt, LedgerEntry
from usage.models.entry import GENESIS_HASH

AT_ONCE = 1000
MISSING = "missing"
"""The state of an entry that has no delivery, which verify_ledger would report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Which part of which chain: ``first_seq`` to ``last_seq`` without a gap, None where it is empty.

    ``head_seq`` and ``head_hash`` are the newest entry when the export began: what comes later is not in it.
    """

    chain_id: UUID | None
    exchange: str
    first_seq: int | None
    last_seq: int | None
    head_seq: int
    head_hash: str

    @property
    def is_whole(self) -> bool:
        return (self.first_seq or 1, self.last_seq or 0) == (1, self.head_seq)


def segment_of(account: ExchangeAccount, *, since: datetime | None, until: datetime | None) -> Segment:
    """The whole chain, or the shortest run of it that holds every entry which occurred in the period."""
    chain = Chain.objects.filter(account=account).first()
    head_seq = chain.seq if chain else 0
    first, last = (1, head_seq) if head_seq else (None, None)
    if since or until:
        entries = LedgerEntry.objects.filter(account=account, seq__lte=head_seq)
        if since:
            entries = entries.filter(occurred_at__gte=since)
        if until:
            entries = entries.filter(occurred_at__lt=until)
        found = entries.aggregate(first=Min("seq"), last=Max("seq"))
        first, last = found["first"], found["last"]
    return Segment(
        chain_id=chain.chain_id if chain else None,
        exchange=account.exchange.base_url,
        first_seq=first,
        last_seq=last,
        head_seq=head_seq,
        head_hash=chain.hash if chain else GENESIS_HASH,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry, and what became of reporting it."""

    entry: LedgerEntry
    delivery: Delivery | None
    attempts: list[DeliveryAttempt]

    @property
    def state(self) -> str:
        return self.delivery.state if self.delivery else MISSING


def read(account: ExchangeAccount, segment: Segment) -> Iterator[Row]:
    """The segment's rows, in pieces. No transaction: an entry stays as it is."""
    after, last = (segment.first_seq or 1) - 1, segment.last_seq or 0
    while after < last:
        entries = LedgerEntry.objects.filter(account=account, seq__gt=after, seq__lte=last)
        chunk = list(entries.order_by("seq")[:AT_ONCE])
        if not chunk:
            return
        numbers = [entry.pk for entry in chunk]
        # not by select_related: entry and delivery would hold each other in memory
        deliveries = Delivery.objects.in_bulk(numbers)
        attempts: defaultdict[int, list[DeliveryAttempt]] = defaultdict(list)
        for attempt in DeliveryAttempt.objects.filter(delivery__in=numbers):
            attempts[attempt.delivery_id].append(attempt)
        for entry in chunk:
            yield Row(entry=entry, delivery=deliveries.get(entry.pk), attempts=attempts[entry.pk])
        after = chunk[-1].seq


def entry_line(row: Row, segment: Segment) -> dict[str, Any]:
    """What is hashed of the entry, and the hash that it has."""
    assert segment.chain_id is not None  # noqa: S101 - there is an entry
    fields = fields_of(row.entry, chain_id=segment.chain_id, exchange=segment.exchange)
    return {**fields, "hash": row.entry.hash}


def holds(line: dict[str, Any], before: LedgerEntry | None) -> bool:
    """Whether the entry is what was hashed, and stands where it stood: behind the one before it, if any."""
    fields = {name: value for name, value in line.items() if name != "hash"}
    follows = before is None or (line["seq"], line["prev_hash"]) == (before.seq + 1, before.hash)
    return follows and digest(fields) == line["hash"]


def receipt_line(row: Row) -> dict[str, Any]:
    """How the entry stands at the Exchange, what that said, and every attempt to tell it."""
    line: dict[str, Any] = {"seq": row.entry.seq, "hash": row.entry.hash, "state": row.state}
    delivery = row.delivery
    if delivery is None:
        return line
    return line | {
        "settled_at": _moment(delivery.settled_at),
        "settled_by": delivery.settled_by,
        "status": delivery.status,
        "error": delivery.error,
        "rules": delivery.rules,
        "exchange_entry_id": delivery.exchange_entry_id,
        "receipt": delivery.receipt,
        "attempts": [
            {
                "number": attempt.number,
                "started_at": moment(attempt.started_at),
                "ended_at": _moment(attempt.ended_at),
                "outcome": attempt.outcome,
                "status": attempt.status,
                "error": attempt.error,
                "request_id": attempt.request_id,
            }
            for attempt in row.attempts
        ],
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
