"""The Exchange's own lines of this account, fetched while the pack is made: a second witness of the chain."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from accounts import exchanges
from accounts.models import ExchangeAccount
from exchange import ExchangeError, ExchangeRejected, StatementNotOffered
from usage.evidence.members import Write, encoded
from usage.evidence.verify import LONGEST

PAGE = 1000
A_PAGE = 5.0
"""Seconds that one page of the statement may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which lines belong to the pack: after this number, up to that; None: to the newest."""

    after_id: int = 0
    last_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How many lines came; ``complete`` if these are all of the window, else ``reason`` says why not."""

    lines: int = 0
    complete: bool = False
    reason: str = ""


def fetch(
    account: ExchangeAccount,
    window: Window | None,
    write: Write,
    *,
    deadline: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> Fetched:
    """Write the lines as the Exchange sends them, for so many seconds; without a deadline nobody is asked.

    What cannot be had is said, and fails nothing: the pack proves our books without it.
    """
    if deadline is None:
        return Fetched(reason="The Exchange was not asked.")
    if window is None:
        return Fetched(reason="No entry of this pack has a number at the Exchange.")
    if account.exchange_user_id is None or account.exchange.base_url != settings.TOKLIGENCE.base_url:
        return Fetched(reason="This gateway does not act for the account at its Exchange now.")
    until = clock() + deadline
    entries = exchanges.client().iter_statement(
        account.exchange_user_id, window.after_id, PAGE, deadline=min(deadline, A_PAGE), within=deadline
    )
    lines = 0
    try:
        for entry in entries:
            if window.last_id is not None and entry.id > window.last_id:
                break
            if clock() > until:
                return Fetched(lines=lines, reason="The Exchange took too long to send the rest.")
            line = encoded(entry.raw) + b"\n"
            if len(line) > LONGEST:
                return Fetched(lines=lines, reason=f"Its line {entry.id} is too long to be kept.")
            write(line)
            lines += 1
    except ExchangeError as error:
        return Fetched(lines=lines, reason=_reason(error))
    except ValueError:
        return Fetched(lines=lines, reason="One of its lines holds text that cannot be written.")
    return Fetched(lines=lines, complete=True)


def _reason(error: ExchangeError) -> str:
    """Few words, and always the same: they are in the pack, and the log has the rest."""
    if isinstance(error, StatementNotOffered):
        return "The Exchange offers no statement."
    if isinstance(error, ExchangeRejected):
        return "The Exchange refused to send it."
    return "The Exchange could not be reached, or did not answer as it must."
