"""Whether one account's books are in order, found out from the rows themselves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from accounts.models import ExchangeAccount
from usage import rollups
from usage.canonical import digest, fields_of
from usage.models import Chain, Delivery, DeliveryTally, LedgerEntry
from usage.models.entry import GENESIS_HASH


def report(account: ExchangeAccount) -> dict[str, Any]:
    """Every entry in order with how its delivery stands, and a sentence for everything that is wrong."""
    entries = list(LedgerEntry.objects.filter(account=account).order_by("seq"))
    deliveries = {
        delivery.pk: delivery
        for delivery in Delivery.objects.filter(account=account).prefetch_related("attempt_log")
    }
    return {
        "entries": [_told(entry, deliveries.get(entry.pk)) for entry in entries],
        "problems": [
            *_broken_links(account, entries),
            *_wrong_deliveries(entries, deliveries),
            *_wrong_tallies(account, entries, deliveries),
            *(f"rollup {one}" for one in rollups.differences(account)),
        ],
    }


def _told(entry: LedgerEntry, delivery: Delivery | None) -> dict[str, Any]:
    return {
        "entry_id": str(entry.entry_id),
        "seq": entry.seq,
        "hash": entry.hash,
        "memo": entry.memo,
        "direction": entry.direction,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "priced": entry.cost_nanos is not None,
        "state": delivery.state if delivery else None,
        "attempts": [
            {"outcome": attempt.outcome, "status": attempt.status, "error": attempt.error}
            for attempt in (delivery.attempt_log.all() if delivery else ())
        ],
    }


def _broken_links(account: ExchangeAccount, entries: list[LedgerEntry]) -> list[str]:
    chain = Chain.objects.get(account=account)
    problems, previous = [], GENESIS_HASH
    for place, entry in enumerate(entries, start=1):
        fields = fields_of(entry, chain_id=chain.chain_id, exchange=account.exchange.base_url)
        if entry.seq != place:
            problems.append(f"number {entry.seq} stands in place {place}")
        if entry.prev_hash != previous:
            problems.append(f"number {entry.seq} does not continue the one before")
        if digest(fields) != entry.hash:
            problems.append(f"number {entry.seq} is not what its hash says")
        previous = entry.hash
    if (chain.seq, chain.hash) != (len(entries), previous):
        problems.append(f"the head is at {chain.seq}, the newest entry is {len(entries)}")
    tokens = {"consume": 0, "supply": 0}
    for entry in entries:
        tokens[entry.direction] += entry.sign * entry.total_tokens
    if (chain.consumed_tokens, chain.supplied_tokens) != (tokens["consume"], tokens["supply"]):
        problems.append(f"the head's totals are not {tokens}")
    return problems


def _wrong_deliveries(entries: list[LedgerEntry], deliveries: dict[int, Delivery]) -> list[str]:
    numbers = {entry.pk for entry in entries}
    return [
        *(f"entry {pk} has no delivery" for pk in sorted(numbers - deliveries.keys())),
        *(f"delivery {pk} has no entry" for pk in sorted(deliveries.keys() - numbers)),
    ]


def _wrong_tallies(
    account: ExchangeAccount, entries: list[LedgerEntry], deliveries: dict[int, Delivery]
) -> list[str]:
    wanted: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in entries:
        if entry.pk in deliveries:
            sums = wanted[deliveries[entry.pk].state, entry.direction]
            change = (1, entry.total_tokens, entry.cost_nanos or 0)
            sums[:] = [total + more for total, more in zip(sums, change, strict=True)]
    kept = {
        (row.state, row.direction): [row.entries, row.tokens, row.cost_nanos]
        for row in DeliveryTally.objects.filter(account=account)
    }
    return [
        f"the tally of {key} is {kept.get(key)} and should be {wanted.get(key)}"
        for key in sorted(kept.keys() | wanted.keys())
        if kept.get(key, [0, 0, 0]) != wanted.get(key, [0, 0, 0])
    ]
