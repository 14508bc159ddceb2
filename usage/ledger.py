"""The only writer of the ledger: appends entries to an account's chain, with all that depends on them.

One transaction: lock the chain, append, move the chain on, the rollups, the deliveries and their tallies.
What has been acknowledged is on the disk, once, and in every sum.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiKey, ExchangeAccount
from usage.models import LedgerEntry
from usage.writing import together
from usage.writing.appending import Writer
from usage.writing.drafts import Draft, EntryInvalid, checked, checked_memo
from usage.writing.pricing import offers_of
from usage.writing.results import EntryConflict, NotReversible, Result

__all__ = [
    "MOST_AT_ONCE",
    "Draft",
    "EntryConflict",
    "EntryInvalid",
    "NotReversible",
    "Result",
    "record",
    "record_one",
    "reverse",
]

MOST_AT_ONCE = 1000
TRIES = 8
IDS_TOLD = 20
"""Entries of which a log line names each id."""
T = TypeVar("T")

log = structlog.get_logger("gateway.ledger")


def record(
    account: ExchangeAccount, drafts: Sequence[Draft], *, source: str, api_key: ApiKey | None = None
) -> list[Result]:
    """Record up to a thousand drafts in one transaction, each judged alone; a result for each, in order.

    The same ``entry_id`` with the same content answers with the entry that is there. Raises ValueError for no
    draft, too many, or a key of somebody else.
    """
    if not 1 <= len(drafts) <= MOST_AT_ONCE:
        raise ValueError(f"Give 1 to {MOST_AT_ONCE} entries at a time.")
    if api_key is not None and api_key.user_id != account.user_id:
        raise ValueError("The API key is somebody else's.")
    if source not in LedgerEntry.Source.values:
        raise ValueError(f"{source!r} is no source.")
    now = timezone.now()
    judged = [_judged(draft, now) for draft in drafts]
    known = offers_of(account.exchange, {one.service_id for one in judged if isinstance(one, Draft)})
    writer = Writer(account=account, source=source, api_key=api_key, offers=known)
    results = _patiently(lambda: together.append(writer, judged))
    new = [result.entry for result in results if result.status == "recorded" and result.entry]
    if new:
        log.info(
            "entries_recorded",
            account=account.pk,
            entries=len(new),
            first_seq=new[0].seq,
            seq=new[-1].seq,
            source=source,
            # by which the line of their delivery is found; those of a large batch by their numbers
            entry_id=[str(entry.entry_id) for entry in new] if len(new) <= IDS_TOLD else None,
        )
    return results


def record_one(
    account: ExchangeAccount, draft: Draft, *, source: str, api_key: ApiKey | None = None
) -> Result:
    """Record one draft: ``recorded``, or ``duplicate``. Raises EntryInvalid and EntryConflict."""
    (result,) = record(account, [draft], source=source, api_key=api_key)
    if result.status == "conflict" and result.entry is not None:
        raise EntryConflict(result.entry, result.error)
    if result.status == "invalid":
        raise EntryInvalid(result.field, result.error)
    return result


def reverse(
    account: ExchangeAccount,
    seq: int,
    *,
    reason: str,
    source: str,
    api_key: ApiKey | None = None,
) -> LedgerEntry:
    """Take an entry back by another that repeats it and counts negative; ``reason`` becomes its memo.

    What has not been counted by the Exchange is withdrawn; what has been stays counted there, and
    reconciliation lists the pair. Raises NotReversible, EntryInvalid (the reason) and
    LedgerEntry.DoesNotExist (a number that this account's chain does not have).
    """
    if not checked_memo(reason).strip():
        raise EntryInvalid("reason", _("Say why the entry is taken back."))
    writer = Writer(account=account, source=source, api_key=api_key, offers={})
    reversal = _patiently(lambda: writer.append_reversal(seq, reason))
    log.info("entry_reversed", account=account.pk, seq=reversal.seq, reverses=seq, source=source)
    return reversal


def _judged(draft: Draft, now: datetime) -> Draft | Result:
    try:
        return checked(draft, now)
    except EntryInvalid as refused:
        entry_id = draft.entry_id if isinstance(draft.entry_id, UUID) else None
        return Result(entry_id=entry_id, status="invalid", field=refused.field, error=refused.sentence)


def _patiently(work: Callable[[], T]) -> T:
    """Do it, and again where only others at the same instant were in its way: nothing of it was done then."""
    for tried in range(1, TRIES + 1):
        try:
            return work()
        except OperationalError as error:
            if tried == TRIES or not _passes(error):
                raise
            time.sleep(random.uniform(0, 0.05 * 2**tried))  # noqa: S311 - spreads the tries, guards nothing
    raise AssertionError("unreachable")


def _passes(error: OperationalError) -> bool:
    words = str(error).lower()
    return any(word in words for word in ("locked", "busy", "deadlock", "could not serialize"))
