"""Pages of the logs: so many entries from a place on, found along one index, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from accounts.models import ExchangeAccount
from usage.logs import memos as log_memos
from usage.logs import walk as log_walk
from usage.logs.filters import LogFilters
from usage.logs.places import PAGE, Walked, Window, read_key, read_place
from usage.models import LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Entries, newest first, and where the pages beside this one begin, as an address names it ("": nowhere).

    ``searched_to``: the page is not full, because so much was looked through already: up to this moment.
    """

    entries: list[LedgerEntry]
    newer_than: str = ""
    older_than: str = ""
    searched_to: datetime | None = None


def page(
    account: ExchangeAccount,
    filters: LogFilters,
    *,
    older_than: str = "",
    newer_than: str = "",
    window: Window = PAGE,
) -> Page:
    """The entries next to a place of the address; the newest ones where that is no place."""
    if newer_than and not older_than:
        upwards = _walk(account, filters, newer_than, upwards=True, window=window)
        if upwards and (upwards.ahead or len(upwards.entries) == window.size):
            entries = upwards.entries[::-1]
            back = _address(entries[-1], filters) if entries else newer_than
            return Page(
                entries=entries,
                newer_than=upwards.ahead,
                older_than=back,
                searched_to=upwards.searched_to,
            )
        # the newest page is a full one
        older_than = ""
    walked = _walk(account, filters, older_than, upwards=False, window=window)
    came_from = older_than if walked else ""
    walked = walked or _walk(account, filters, "", upwards=False, window=window) or Walked(entries=[])
    if came_from and walked.entries:
        came_from = _address(walked.entries[0], filters)
    return Page(
        entries=walked.entries,
        newer_than=came_from,
        older_than=walked.ahead,
        searched_to=walked.searched_to,
    )


def every_page(account: ExchangeAccount, filters: LogFilters, window: Window) -> Iterator[list[LedgerEntry]]:
    """All that fits, newest first, some at a time; each time as it is then."""
    ahead = ""
    while True:
        walked = _walk(account, filters, ahead, upwards=False, window=window) or Walked(entries=[])
        if walked.entries:
            yield walked.entries
        ahead = walked.ahead
        if not ahead:
            return


def _walk(
    account: ExchangeAccount, filters: LogFilters, address: str, *, upwards: bool, window: Window
) -> Walked | None:
    """None where the address names no place."""
    if filters.words:
        key = read_key(address)
        if address and key is None:
            return None
        return log_memos.walk(account, filters, key, upwards=upwards, window=window)
    place = read_place(address)
    if address and place is None:
        return None
    return log_walk.walk(account, filters, place, upwards=upwards, window=window)


def _address(entry: LedgerEntry, filters: LogFilters) -> str:
    return str(entry.pk) if filters.words else str(log_walk.place_of(entry))
