"""Makers of rows and of what the Exchange answers, for tests."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from requests import PreparedRequest

from accounts.models import ExchangeAccount
from catalog.tests.wire import Wire
from exchange.tests import examples
from usage.models import UsageSnapshot

ENTRY_ID = uuid.UUID("0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b")


def make_snapshot(
    *,
    account: ExchangeAccount,
    consumed: int = 0,
    supplied: int = 0,
    age: timedelta = timedelta(0),
    **more: Any,
) -> UsageSnapshot:
    return UsageSnapshot.objects.create(
        account=account,
        consumed_tokens=consumed,
        supplied_tokens=supplied,
        net_tokens=supplied - consumed,
        fetched_at=timezone.now() - age,
        **more,
    )


def totals(consumed: int = 1500, supplied: int = 0, **more: Any) -> dict[str, Any]:
    """The Exchange's answer to a question for an account's totals."""
    summary = examples.summary(
        consumed_tokens=consumed, supplied_tokens=supplied, net_tokens=supplied - consumed, **more
    )
    return {"summary": summary}


def counts(wire: Wire, account: ExchangeAccount, *, proves: bool = True) -> list[str]:
    """Let the Exchange count every report of this account, each key once; the keys, as they come in."""
    keys: list[str] = []

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        key = str(request.headers["Idempotency-Key"])
        repeated = key in keys
        keys.append(key)
        line = examples.entry(
            **{**json.loads(request.body or b""), "user_id": account.exchange_user_id},
            idempotency_key=key if proves else None,
        )
        return 200 if repeated else 201, {}, json.dumps({"entry": line} if proves else {})

    wire.add_callback("POST", f"{settings.TOKLIGENCE.base_url}/usage", callback=answer)
    return keys


def receipt(account: ExchangeAccount, key: uuid.UUID | None = ENTRY_ID) -> dict[str, Any]:
    """The Exchange's answer to a report; with ``key`` it proves that it counts a repeated one once."""
    return {
        "entry": examples.entry(
            user_id=account.exchange_user_id, idempotency_key=None if key is None else str(key)
        )
    }
