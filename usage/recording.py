"""Recording usage: tokens consumed or supplied, reported to the Exchange."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from accounts.exchanges import gateway_for, note_receipt
from accounts.models import ExchangeAccount
from accounts.registration import ensure_registered
from catalog.patience import shared

Direction = Literal["consume", "supply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of it. ``seq`` and ``hash`` belong to the ledger and are None until there is one.

    ``repeated``: the Exchange had counted this entry before, and did not count it again.
    """

    entry_id: str
    seq: int | None
    hash: str | None
    delivery: str
    repeated: bool = False


def record_usage(
    account: ExchangeAccount,
    *,
    service_id: int,
    prompt_tokens: int,
    completion_tokens: int,
    direction: Direction,
    memo: str = "",
    entry_id: uuid.UUID | None = None,
    deadline: float | None = None,
) -> Recorded:
    """Report tokens consumed from, or supplied by, a service. ``entry_id`` is the report's idempotency key.

    An account that waits for registration is registered first; ``deadline`` is the total of seconds. Raises
    ValueError (bad numbers) or exchange.ExchangeError; AmbiguousOutcome means that the report may or may not
    have been counted.
    """
    left = shared(deadline)
    if not account.is_registered:
        account = ensure_registered(account.user, deadline=left())
    entry_id = entry_id or uuid.uuid4()
    gateway = gateway_for(account, left())
    record = gateway.record_supply if direction == "supply" else gateway.record_consumption
    receipt = record(
        service_id,
        prompt_tokens,
        completion_tokens,
        memo=memo,
        idempotency_key=str(entry_id),
        idempotency_proved=account.exchange.idempotency_proved_at is not None,
    )
    note_receipt(account.exchange, receipt)
    return Recorded(
        entry_id=str(entry_id), seq=None, hash=None, delivery="delivered", repeated=receipt.created is False
    )
