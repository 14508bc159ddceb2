"""Proving an account's books: against themselves, and against what outside the database confirms them.

Everything inside the database is read in one snapshot, so that recording and delivery go on meanwhile and no
sum is compared with another instant's entries. Whoever can write to the database could still make all of it
anew, consistently: that is what the anchors find, the head log and the Exchange's statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.utils import timezone

from accounts import exchanges
from accounts.models import ExchangeAccount
from exchange import StatementEntry
from usage.models import VerificationRun
from usage.verifying.anchors import Anchors
from usage.verifying.book import Progress, look_through
from usage.verifying.problems import Problem, Problems
from usage.verifying.snapshot import snapshot

__all__ = ["Problem", "Verification", "check", "keep", "latest", "statement_of", "verify"]

MOST_STORED = 100
PAGE_DEADLINE = 30.0
"""Seconds for one page of the Exchange's statement."""

log = structlog.get_logger("gateway.verification")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found. ``ok``: nothing is wrong. ``entries``: how many were looked at.

    ``unanchored_since``: the number of the first entry that nothing outside the database confirms, None if
    all are confirmed. ``checked`` and ``not_checked`` say in sentences what this rests on.
    """

    ok: bool
    entries: int
    unanchored_since: int | None
    problems: tuple[Problem, ...]
    head_seq: int
    head_hash: str
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]


def verify(
    account: ExchangeAccount,
    *,
    statement: Iterable[StatementEntry] | None,
    progress: Progress | None = None,
) -> Verification:
    """Verify the books of this account; ``statement`` is the Exchange's, None to go without.

    Lines are fetched as they are needed; where the Exchange fails, what came before still counts, and the
    rest is in ``not_checked``.
    """
    problems = Problems()
    with snapshot():
        looked = look_through(account, problems, progress)
    anchors = Anchors(account, looked.chain, problems)
    checked = ["Entries, chain, head, totals, rollups, tallies, deliveries, reversals, triggers."]
    not_checked = []
    if settings.HEAD_LOG:
        not_checked += _hold_against_log(anchors, settings.HEAD_LOG, checked)
    else:
        not_checked.append("The head log: none is configured (head_log).")
    if statement is None:
        not_checked.append("The Exchange's statement: it was not asked for.")
    elif broke_off := anchors.hold_against_statement(statement):
        not_checked.append(f"The Exchange's statement, or the rest of it: {broke_off}")
    else:
        checked.append("The Exchange's statement.")
    found = problems.sorted()
    return Verification(
        ok=not found,
        entries=looked.entries,
        unanchored_since=anchors.unanchored_since,
        problems=tuple(found),
        head_seq=looked.chain.seq,
        head_hash=looked.chain.hash,
        checked=tuple(checked),
        not_checked=tuple(not_checked),
    )


def statement_of(account: ExchangeAccount) -> Iterator[StatementEntry] | None:
    """The Exchange's lines about this account; None where it is not registered, or at another Exchange."""
    elsewhere = account.exchange.base_url != settings.TOKLIGENCE.base_url
    if account.exchange_user_id is None or elsewhere:
        return None
    return exchanges.client().iter_statement(account.exchange_user_id, limit=1000, deadline=PAGE_DEADLINE)


def check(account: ExchangeAccount) -> VerificationRun:
    """Verify with every anchor there is, and keep what came out."""
    started_at = timezone.now()
    return keep(account, verify(account, statement=statement_of(account)), started_at)


def keep(account: ExchangeAccount, found: Verification, started_at: datetime) -> VerificationRun:
    """Keep what came out, for the dashboard and the admin."""
    run = VerificationRun.objects.create(
        account=account,
        started_at=started_at,
        finished_at=timezone.now(),
        ok=found.ok,
        entries=found.entries,
        head_seq=found.head_seq,
        head_hash=found.head_hash,
        unanchored_since=found.unanchored_since,
        problem_count=len(found.problems),
        problems=[
            {"seq": one.seq, "kind": one.kind, "message": one.message} for one in found.problems[:MOST_STORED]
        ],
    )
    say = log.info if found.ok else log.error
    say("books_verified", account=account.pk, ok=found.ok, entries=found.entries, problems=run.problem_count)
    return run


def latest(account: ExchangeAccount) -> VerificationRun | None:
    """The last check that was kept."""
    return VerificationRun.objects.filter(account=account).order_by("-started_at", "-id").first()


def _hold_against_log(anchors: Anchors, path: str, checked: list[str]) -> list[str]:
    """What could not be held against the log, in sentences."""
    try:
        anchors.hold_against_log(path)
    except OSError as error:
        return [f"The head log: {path} cannot be read ({error.strerror})."]
    checked.append(f"The head log, {path}.")
    if anchors.unreadable:
        return [f"{anchors.unreadable:,} lines of the head log, which cannot be read."]
    return []
