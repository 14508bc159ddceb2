"""Models as the contract's JSON documents; `core_only` leaves out what the contract marks as an extension."""

from datetime import UTC, datetime
from typing import Any

from sandbox.models import Account, Entry, Provider, Service

Document = dict[str, Any]


def user_document(account: Account, *, core_only: bool) -> Document:
    """A contract User. The free quota, in tokens, is used up first by whatever the account consumes."""
    held = {"consumer": account.is_consumer, "provider": account.is_provider}
    roles = [role for role in held if held[role]]
    document: Document = {"id": account.pk, "email": account.email, "roles": roles}
    if not core_only:
        granted = account.free_tokens_granted
        document["free_tokens"] = {"granted": granted, "used": min(account.consumed_tokens, granted)}
    return document


def provider_document(provider: Provider) -> Document:
    """A contract Provider."""
    return {
        "id": provider.pk,
        "user_id": provider.account_id,
        "display_name": str(provider),
        "description": provider.account.description,
    }


def service_document(service: Service) -> Document:
    """A contract Service."""
    return {
        "id": service.pk,
        "provider_id": service.provider_id,
        "name": service.name,
        "model_family": service.model_family,
        # At most 13 digits, and up to 15 a float is written as the very number that it was read from.
        "price_per_1k_tokens": float(service.price_per_1k),
        "trial_tokens": service.trial_tokens,
    }


def entry_content(entry: Entry) -> Document:
    """What of a StatementEntry is hashed: all of it but `prev_hash` and `hash`."""
    return {
        "id": entry.pk,
        "user_id": entry.account_id,
        "service_id": entry.service_id,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "direction": entry.direction,
        "memo": entry.memo,
        "idempotency_key": entry.idempotency_key,
        "created_at": _timestamp(entry.created_at),
    }


def entry_document(entry: Entry) -> Document:
    """A contract StatementEntry."""
    return {**entry_content(entry), "prev_hash": entry.prev_hash, "hash": entry.hash}


def summary_document(account: Account, *, core_only: bool) -> Document:
    """A contract UsageSummary, in tokens."""
    document: Document = {
        "user_id": account.pk,
        "consumed_tokens": account.consumed_tokens,
        "supplied_tokens": account.supplied_tokens,
        "net_tokens": account.supplied_tokens - account.consumed_tokens,
    }
    if not core_only:
        document |= {"ledger_hash": account.ledger_hash, "entry_count": account.entry_count}
    return document


def _timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six digits: the text is hashed, so it must never vary."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
