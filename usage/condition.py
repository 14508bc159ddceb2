"""How an Exchange's books stand, all accounts together, for who runs the site.

By a few looks at sums that are kept and at the newest runs, however many entries there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from accounts.models import Exchange
from usage.models import (
    Chain,
    DeliveryTally,
    LedgerEntry,
    QuarantinedRow,
    ReconciliationRun,
    VerificationRun,
)

CLEAN, DIFFERENT = ReconciliationRun.Status.CLEAN, ReconciliationRun.Status.DIFFERENT
LOOKED_BACK = timedelta(days=35)
"""A clean run is looked for no further back: runs are kept for good, and whatever is older is far too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``accounts``: those with entries. ``recorded``: entries ever.

    ``tallies``: (state, direction, entries, tokens).

    ``open_differences``: accounts whose newest result is a difference that nobody has acknowledged.
    ``clean_at``: of all accounts with entries, the one whose last clean reconciliation is the longest ago;
    where there is none, its first entry. ``problems``: what the newest verification of each account found.
    ``verified_at``: as ``clean_at``. ``quarantined``: rows of LiteLLM's that wait for a person.
    """

    accounts: int = 0
    recorded: int = 0
    tallies: tuple[tuple[str, str, int, int], ...] = ()
    open_differences: int = 0
    clean_at: datetime | None = None
    problems: int = 0
    verified_at: datetime | None = None
    quarantined: int = 0

    @property
    def delivered(self) -> int:
        """Entries that the Exchange has counted."""
        return sum(entries for state, _direction, entries, _tokens in self.tallies if state == "delivered")


def condition_of(exchange: Exchange) -> Condition:
    """Three queries: the tallies, the books with their newest runs, what is quarantined."""
    tallies = DeliveryTally.objects.filter(account__exchange=exchange)
    by_state = tallies.values_list("state", "direction").annotate(Sum("entries"), Sum("tokens"))
    books = _books(exchange)
    waiting = QuarantinedRow.objects.filter(account__exchange=exchange, state=QuarantinedRow.State.WAITING)
    return Condition(
        accounts=len(books),
        recorded=sum(book["seq"] for book in books),
        tallies=tuple(sorted(by_state)),
        open_differences=sum(
            book["result"] == DIFFERENT and book["acknowledged_at"] is None for book in books
        ),
        clean_at=_longest_ago(book["clean_at"] or book["first_at"] for book in books),
        problems=sum(book["problems"] or 0 for book in books),
        verified_at=_longest_ago(book["verified_at"] or book["first_at"] for book in books),
        quarantined=waiting.count(),
    )


def _books(exchange: Exchange) -> Sequence[Mapping[str, Any]]:
    since = timezone.now() - LOOKED_BACK
    runs = ReconciliationRun.objects.filter(account=OuterRef("account"))
    result = _newest(runs.filter(~Q(status=ReconciliationRun.Status.UNAVAILABLE)))
    clean = _newest(runs.filter(status=CLEAN, started_at__gt=since))
    verified = _newest(VerificationRun.objects.filter(account=OuterRef("account")))
    # every book has it, and it is found by its number
    first = LedgerEntry.objects.filter(account=OuterRef("account"), seq=1)
    rows = Chain.objects.filter(account__exchange=exchange, seq__gt=0).values(
        "seq",
        result=Subquery(result.values("status")),
        acknowledged_at=Subquery(result.values("acknowledged_at")),
        clean_at=Subquery(clean.values("finished_at")),
        problems=Subquery(verified.values("problem_count")),
        verified_at=Subquery(verified.values("finished_at")),
        first_at=Subquery(first.values("recorded_at")),
    )
    return list(rows)


def _longest_ago(times: Iterable[datetime | None]) -> datetime | None:
    """A book whose first entry somebody has removed has no time of its own; verifying tells of it."""
    return min((at for at in times if at is not None), default=None)


def _newest(runs: QuerySet[Any]) -> QuerySet[Any]:
    return runs.order_by("-started_at", "-id")[:1]
