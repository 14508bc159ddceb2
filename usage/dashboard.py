"""What the dashboard shows, gathered without asking the Exchange."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import ExchangeAccount
from usage import snapshots
from usage.dashboard_books import lines_of
from usage.models import Chain, LedgerEntry, UsageSnapshot
from usage.reporting.charts import chart_of
from usage.reporting.differences import differences_of
from usage.reporting.filters import Filters
from usage.reporting.lock_in_panel import panel_of
from usage.reporting.periods import Period
from usage.reporting.reports import report
from usage.summary import chain_of

RECENT = 10
PROVIDERS, SAVINGS = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way in; ``action`` names the button that leads to ``url``."""

    title: str
    text: str
    done: bool
    url: str
    action: str


def context_of(account: ExchangeAccount, period: Period, now: datetime) -> dict[str, Any]:
    """Our figures of the period and of all time, how the books stand, and the newest entries."""
    chain = chain_of(account)
    kept = snapshots.latest(account)
    context = {
        **exchange_side(account, chain, kept),
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
        "chart": chart_of(period, found.bars, now),
        "panel": panel_of(account, found.consumed_by_service, PROVIDERS, SAVINGS),
        "recent": recent(account),
    }


def exchange_side(account: ExchangeAccount, chain: Chain, kept: UsageSnapshot | None) -> dict[str, Any]:
    """The Exchange's totals as they were last told, beside ours; and the first steps, which both tick off."""
    return {
        "snapshot": kept,
        "differences": differences_of(account, chain, kept),
        "steps": next_steps(account, kept, recorded=chain.seq > 0),
    }


def recent(account: ExchangeAccount) -> list[LedgerEntry]:
    """The entries that were recorded last, the newest first, with their deliveries."""
    rows = LedgerEntry.objects.filter(account=account).select_related("delivery")
    return list(rows.order_by("-seq")[:RECENT])


def next_steps(
    account: ExchangeAccount, snapshot: UsageSnapshot | None, *, recorded: bool = False
) -> list[Step]:
    """The first steps, each ticked off by what is known; none once all are done."""
    counted = recorded or (
        snapshot is not None and bool(snapshot.consumed_tokens or snapshot.supplied_tokens)
    )
    steps = [
        Step(
            title=_("Register at the Exchange"),
            text=_("Your account there is what tokens are bought and sold under."),
            done=account.is_registered,
            url=reverse("accounts:settings"),
            action=_("See your account"),
        ),
        Step(
            title=_("Pick a service"),
            text=_("Compare what providers offer, by model family and price."),
            done=counted,
            url=reverse("catalog:services"),
            action=_("Open the catalogue"),
        ),
        Step(
            title=_("Record the first usage"),
            text=_("Tokens that you consumed or supplied, so that both books agree."),
            done=counted,
            url=reverse("usage:record"),
            action=_("Record usage"),
        ),
    ]
    if account.is_provider:
        publish = Step(
            title=_("Publish a service"),
            text=_("What you offer, under your own name and price."),
            done=snapshot is not None and bool(snapshot.service_count),
            url=reverse("catalog:publish"),
            action=_("Publish a service"),
        )
        steps.insert(1, publish)
    return [] if all(step.done for step in steps) else steps
