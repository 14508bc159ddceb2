"""Makers of entries for tests: keyword-only, with sensible defaults; written by the ledger itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from usage import ledger, tallies
from usage.ledger import Draft
from usage.models import Delivery, LedgerEntry


def make_draft(**changes: Any) -> Draft:
    """1,200 prompt and 300 completion tokens consumed from service 1."""
    told = {"service_id": 1, "prompt_tokens": 1200, "completion_tokens": 300, "direction": "consume"}
    return Draft(**{**told, **changes})


def make_entry(
    *,
    account: ExchangeAccount | None = None,
    source: str = "page",
    api_key: ApiKey | None = None,
    state: str | None = None,
    **draft: Any,
) -> LedgerEntry:
    """An entry, its delivery pending or in ``state``."""
    result = ledger.record_one(account or make_account(), make_draft(**draft), source=source, api_key=api_key)
    assert result.entry is not None  # noqa: S101
    return mark(result.entry, state) if state else result.entry


def make_entries(
    account: ExchangeAccount,
    drafts: Sequence[Draft] | int,
    *,
    source: str = "page",
    api_key: ApiKey | None = None,
) -> list[LedgerEntry]:
    """As many entries as that, or these; in batches of a thousand."""
    told = [make_draft(memo=f"entry {n}") for n in range(drafts)] if isinstance(drafts, int) else drafts
    made = []
    for start in range(0, len(told), ledger.MOST_AT_ONCE):
        batch = told[start : start + ledger.MOST_AT_ONCE]
        for result in ledger.record(account, batch, source=source, api_key=api_key):
            assert result.entry is not None, result.error  # noqa: S101
            made.append(result.entry)
    return made


def mark(entry: LedgerEntry, state: str, **fields: Any) -> LedgerEntry:
    """Move the entry's delivery to a state, with its tallies, as delivery does."""
    settled = {"settled_at": timezone.now()} if state in ("delivered", "rejected", "uncertain") else {}
    with transaction.atomic():
        delivery = Delivery.objects.get(entry=entry)
        before, delivery.state = delivery.state, state
        for name, value in {**settled, **fields}.items():
            setattr(delivery, name, value)
        delivery.save()
        tallies.move(entry.account_id, [tallies.move_of(entry, before, state)])
    return entry
