"""An account's totals as a document: ours, and the Exchange's beside them."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.failures import explain
from accounts.models import ExchangeAccount
from exchange import ExchangeError, GatewayError
from usage import snapshots, tallies
from usage.models import Chain, Delivery, UsageSnapshot
from usage.reporting.differences import Differences, differences_of


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
    """Our totals in tokens, net of reversals, and the Exchange's; None while it cannot be asked."""

    consumed_tokens: int
    supplied_tokens: int
    net_tokens: int
    entry_count: int
    head_hash: str | None
    """The newest entry's; None before the first."""
    exchange: ExchangeTotals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The summary, what its difference comes from, and why the Exchange's figures are missing."""

    summary: Summary
    differences: Differences
    reason: str


def usage_summary(account: ExchangeAccount, *, deadline: float | None = None) -> Summary:
    """Our totals, and the Exchange's as it tells them now, or None. ``deadline`` is seconds in all."""
    return compared(account, deadline=deadline).summary


def compared(account: ExchangeAccount, *, deadline: float | None = None) -> Compared:
    """The same with the difference explained. What the Exchange does, or fails to do, is never raised."""
    theirs: UsageSnapshot | None = None
    reason = ""
    before = tallies.in_state(account, Delivery.State.DELIVERED)
    try:
        theirs = snapshots.refresh(account, deadline=deadline)
    except (ExchangeError, GatewayError) as error:
        reason = explain(error)
    # ours after theirs: what is recorded meanwhile is pending, and said to be so
    chain = chain_of(account)
    return Compared(
        summary=Summary(
            consumed_tokens=chain.consumed_tokens,
            supplied_tokens=chain.supplied_tokens,
            net_tokens=chain.net_tokens,
            entry_count=chain.seq,
            head_hash=chain.hash if chain.seq else None,
            exchange=_totals(theirs) if theirs else None,
        ),
        differences=differences_of(account, chain, theirs, delivered_before=before),
        reason=reason,
    )


def chain_of(account: ExchangeAccount) -> Chain:
    """The account's chain; an empty one, that is not kept, before its first entry."""
    return Chain.objects.filter(account=account).first() or Chain(account=account)


def _totals(theirs: UsageSnapshot) -> ExchangeTotals:
    return ExchangeTotals(
        consumed_tokens=theirs.consumed_tokens,
        supplied_tokens=theirs.supplied_tokens,
        net_tokens=theirs.net_tokens,
        ledger_hash=theirs.ledger_hash,
        entry_count=theirs.entry_count,
    )
