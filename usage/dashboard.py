"""What the dashboard shows, gathered without asking the Exchange."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import ExchangeAccount
from usage import snapshots
from usage.dashboard_books import lines_of
from usage.guide import guide_of
from usage.models import Chain, Delivery, LedgerEntry, UsageSnapshot
from usage.reporting.charts import chart_of
from usage.reporting.differences import differences_of
from usage.reporting.filters import Filters
from usage.reporting.lock_in_panel import panel_of
from usage.reporting.periods import Period
from usage.reporting.reports import report
from usage.summary import chain_of

RECENT = 10
PROVIDERS, SAVINGS = 3, 2
LONG_NANOS = 100_000 * 10**9
"""An amount from which on it is set smaller, so that its tile holds it."""
UNDER_WAY = (Delivery.State.PENDING, Delivery.State.SENDING, Delivery.State.UNCERTAIN)


def context_of(account: ExchangeAccount, period: Period, now: datetime, address: str) -> dict[str, Any]:
    """Our figures of the period and of all time, how the books stand, and the newest entries.

    ``address`` is where programs send entries, for the way in.
    """
    chain = chain_of(account)
    kept = snapshots.latest(account)
    context = {
        **exchange_side(account, chain, kept, address),
        "period": period,
        "chain": chain,
        "books": lines_of(account, chain),
    }
    if not chain.seq:
        return context
    found = report(account, period, Filters({}))
    return context | {
        "report": found,
        "changes": found.changes,
        "is_long": abs(found.total.net_nanos) >= LONG_NANOS,
        "chart": chart_of(period, found.bars, now),
        "panel": panel_of(account, found.consumed_by_service, PROVIDERS, SAVINGS),
        "recent": recent(account),
    }


def exchange_side(
    account: ExchangeAccount, chain: Chain, kept: UsageSnapshot | None, address: str
) -> dict[str, Any]:
    """The Exchange's totals as they were last told, beside ours; and the way in, which both tick off.

    ``settled`` moves on when the Exchange has judged one more entry: its figures are old from then on.
    """
    differences = differences_of(account, chain, kept)
    under_way = sum(reason.entries for reason in differences.reasons if reason.state in UNDER_WAY)
    return {
        "snapshot": kept,
        "differences": differences,
        "settled": chain.seq - under_way,
        "guide": guide_of(account, kept, chain.seq, address),
    }


def recent(account: ExchangeAccount) -> list[LedgerEntry]:
    """The entries that were recorded last, the newest first, with their deliveries."""
    rows = LedgerEntry.objects.filter(account=account).select_related("delivery")
    return list(rows.order_by("-seq")[:RECENT])
