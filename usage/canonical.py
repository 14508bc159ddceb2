"""What an entry's hash is computed over, so exactly that anybody can compute it again: docs/evidence.md.

Canonical JSON: keys sorted, no spaces, UTF-8, nothing escaped that need not be; integers, strings and null.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

from usage.models import LedgerEntry

FORMAT = 1
"""The entries' ``v``: another set of fields, or another way to write one, is another number."""

Fields = dict[str, str | int | None]

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(fields: Fields) -> bytes:
    """The bytes that are hashed. Raises UnicodeEncodeError for half a character, which no entry holds."""
    return _encode(fields).encode()


def digest(fields: Fields) -> str:
    """Lower-case hex SHA-256 of the canonical bytes."""
    return hashlib.sha256(canonical(fields)).hexdigest()


def moment(at: datetime) -> str:
    """A time in UTC with six digits: ``2026-01-31T12:00:00.000000Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fields_of(entry: LedgerEntry, *, chain_id: UUID, exchange: str) -> Fields:
    """Everything of an entry that has a meaning, its place in the chain included; not its own ``hash``."""
    price = entry.price_per_1k_tokens
    return {
        "v": entry.v,
        "chain": str(chain_id),
        "exchange": exchange,
        "seq": entry.seq,
        "prev_hash": entry.prev_hash,
        "entry_id": str(entry.entry_id),
        "direction": entry.direction,
        "service_id": entry.service_id,
        "service_name": entry.service_name,
        "model_family": entry.model_family,
        "provider_id": entry.provider_id,
        "provider_name": entry.provider_name,
        "price_per_1k_tokens": None if price is None else format(price, "f"),
        "cost_nanos": entry.cost_nanos,
        "currency": entry.currency,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "cached_tokens": entry.cached_tokens,
        "reasoning_tokens": entry.reasoning_tokens,
        "memo": entry.memo,
        "attributes": entry.attributes,
        "evidence": entry.evidence,
        "source": entry.source,
        "api_key_id": entry.api_key_id,
        "occurred_at": moment(entry.occurred_at),
        "occurred_at_given": int(entry.occurred_at_given),
        "recorded_at": moment(entry.recorded_at),
        "reverses_seq": entry.reverses_seq,
    }
