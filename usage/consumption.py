"""What an account consumed, for the catalogue, which asks by ``catalog.consumption`` and knows no ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from accounts.models import ExchangeAccount
from usage.models.entry import Direction
from usage.reporting import sums as report_sums
from usage.reporting.periods import HOUR, start_of


def consumed_by_service(account: ExchangeAccount, since: datetime, until: datetime) -> Mapping[int, int]:
    """Tokens consumed by the Exchange's number of the service, net of reversals.

    Rollups know no less than an hour, so the hours in which both moments lie are counted whole.
    """
    first, last = start_of(since, "hour"), start_of(until, "hour")
    end = last if last == until else last + HOUR
    rows = report_sums.within(account, first, end, {"direction": Direction.CONSUME})
    consumed: dict[int, int] = {}
    for part, sums in report_sums.by_part(rows).items():
        consumed[part.service] = consumed.get(part.service, 0) + sums.consumed_tokens
    return consumed
