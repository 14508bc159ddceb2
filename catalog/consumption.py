"""What an account consumed, told by whoever keeps the books: they register here, so that nothing is imported.

Until a source has registered nobody can know, and everything that asks must be honest about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from accounts.models import ExchangeAccount

WINDOW = timedelta(days=30)
"""What "my last 30 days" means everywhere."""

Source = Callable[[ExchangeAccount, datetime, datetime], Mapping[int, int] | None]
"""Tokens that the account consumed from each service (the Exchange's number), from the first moment up to the
second, without it; None where that cannot be known."""

_source: Source | None = None


def register(source: Source) -> None:
    """Take what was consumed from here from now on. There is one source; the last one counts."""
    global _source
    _source = source


def consumed_by_service(
    account: ExchangeAccount, since: datetime, until: datetime
) -> Mapping[int, int] | None:
    """Tokens consumed by the Exchange's service number, without services of none; None: cannot be known."""
    consumed = None if _source is None else _source(account, since, until)
    if consumed is None:
        return None
    # reversals may outweigh what else fell into the window: that is no consumption
    return {number: tokens for number, tokens in consumed.items() if tokens > 0}


def last_30_days(account: ExchangeAccount, now: datetime) -> Mapping[int, int] | None:
    """The same for the thirty days before ``now``."""
    return consumed_by_service(account, now - WINDOW, now)
