"""An account's totals as a document: ours, and the Exchange's beside them."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import ExchangeAccount
from usage.snapshots import refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTotals:
    """Tokens as the Exchange counts them; its hash and count are None where it does not tell them."""

    consumed_tokens: int
    supplied_tokens: int
    net_tokens: int
    ledger_hash: str | None
    entry_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Totals in tokens. Until there is a ledger here, the Exchange's figures are the only ones."""

    consumed_tokens: int
    supplied_tokens: int
    net_tokens: int
    entry_count: int | None
    head_hash: str | None
    exchange: ExchangeTotals | None


def usage_summary(account: ExchangeAccount, *, deadline: float | None = None) -> Summary:
    """The totals, fetched now. Raises exchange.ExchangeError."""
    snapshot = refresh(account, deadline=deadline)
    return Summary(
        consumed_tokens=snapshot.consumed_tokens,
        supplied_tokens=snapshot.supplied_tokens,
        net_tokens=snapshot.net_tokens,
        entry_count=snapshot.entry_count,
        head_hash=None,
        exchange=ExchangeTotals(
            consumed_tokens=snapshot.consumed_tokens,
            supplied_tokens=snapshot.supplied_tokens,
            net_tokens=snapshot.net_tokens,
            ledger_hash=snapshot.ledger_hash,
            entry_count=snapshot.entry_count,
        ),
    )
