"""Our book against the Exchange's: totals always, line by line where it offers a statement.

Our figures are read before and after theirs, and only what lies outside that range alarms. Lines are matched
by the key under which each was reported, which is the entry's hash. Nothing here is in a database transaction
while the Exchange is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import exchanges
from accounts.failures import explain
from accounts.models import ExchangeAccount
from accounts.registration import ensure_registered
from catalog.patience import shared
from exchange import ExchangeError, StatementEntry, StatementNotOffered, UsageSummary
from usage.delivering.settling import LONG_AGO, settle_by_statement
from usage.models import Chain, Delivery, ReconciliationRun
from usage.reconciling import words
from usage.reconciling.chain import Mark, TheirChain
from usage.reconciling.lines import BATCH, Comparison, batches, delivered_of
from usage.reconciling.opening import keep_from_lines, keep_from_totals, kept_for, opening_of
from usage.reconciling.result import Result
from usage.reconciling.runs import (
    NothingToAcknowledge,
    acknowledge,
    keep,
    keep_unavailable,
    latest,
    latest_result,
    lines_of,
    open_difference,
    surplus_of,
)
from usage.reconciling.totals import Books, books_of
from usage.turns import turn

__all__ = [
    "NothingToAcknowledge",
    "acknowledge",
    "latest",
    "latest_result",
    "lines_of",
    "open_difference",
    "reconcile",
]

PAGE = 1000
"""Lines of a statement that are asked for at a time: the contract's most."""
LOOKS_EVERY = 0.2
"""Seconds between two looks whether another process is through with the same account."""
Left = Callable[[], float | None]


class _OutOfTimeError(Exception):
    """The deadline passed between two pages of the statement."""


def reconcile(account: ExchangeAccount, *, deadline: float | None = None) -> ReconciliationRun:
    """Compare now, and keep what came of it; an Exchange that is away makes a run that says so.

    One process compares an account's books at a time; another waits for it. ``deadline`` is the total of
    seconds; None reads a statement of any length to its end.
    """
    asked_at, left = timezone.now(), shared(deadline)
    while True:
        with turn(f"reconcile {account.pk}") as ours:
            if ours:
                return _reconcile(account, left)
        if left() == 0:
            return keep_unavailable(account, asked_at, _(words.UNDER_WAY))
        time.sleep(LOOKS_EVERY)


def _reconcile(account: ExchangeAccount, left: Left) -> ReconciliationRun:
    started_at = timezone.now()
    if account.exchange.base_url != settings.TOKLIGENCE.base_url:
        return keep_unavailable(account, started_at, _(words.OTHER_EXCHANGE))
    head = Chain.objects.filter(account=account).first()
    try:
        if not account.is_registered:
            account = ensure_registered(account.user, deadline=left())
        before = books_of(account)
        summary = exchanges.client().get_usage_summary(_number(account), deadline=left())
    except ExchangeError as error:
        return keep_unavailable(account, started_at, explain(error))
    after = books_of(account)
    result = _result(account, summary, before, after, left)
    if result.failed and not _is_news(account, result):
        return keep_unavailable(account, started_at, result.reason, result)
    return keep(account, started_at, head, result)


def _result(
    account: ExchangeAccount, summary: UsageSummary, before: Books, after: Books, left: Left
) -> Result:
    """Line by line, if the Exchange offers that and goes through with it; else the totals alone."""
    started_at = timezone.now()
    comparison = Comparison(
        account=account,
        opening=opening_of(account),
        chain=TheirChain(summary, mark=_mark(account)),
    )
    reason, failed = "", False
    try:
        _read_statement(comparison, left)
    except StatementNotOffered:
        reason = _(words.NO_STATEMENT)
    except ExchangeError as error:
        reason, failed = _(words.TOO_LONG) if left() == 0 else explain(error), True
    except _OutOfTimeError:
        reason, failed = _(words.TOO_LONG), True
    if not reason and _is_keyless(comparison, before):
        reason = _(words.NO_KEYS)
    if reason and not failed:
        # a difference that a statement has shown does not go away by showing none
        known = open_difference(account)
        failed = known is not None and known.has_lines
    if not reason:
        _settle_absent(comparison, started_at, left)
    if failed:
        opening = kept_for(account)
    elif reason:
        opening = keep_from_totals(account, summary, before=before, after=after)
    else:
        opening = keep_from_lines(account, comparison.opening, sound=comparison.chain.problem is None)
    return Result(
        summary=summary,
        before=before,
        after=after,
        at_end=books_of(account),
        opening=opening,
        comparison=None if reason else comparison,
        reason=reason,
        failed=failed,
    )


def _read_statement(comparison: Comparison, left: Left) -> None:
    account, chain = comparison.account, comparison.chain
    comparison.read(_lines(account, 0, left))
    chain.finish()
    expected = delivered_of(account)
    # delivered while the statement was read: counted before, so it stands in what has been added since
    if next(expected.without(comparison.seen), None) is not None:
        comparison.read(_lines(account, chain.last_id, left))
    comparison.expect(expected)


def _settle_absent(comparison: Comparison, started_at: datetime, left: Left) -> None:
    """What is uncertain, was sent long before the statement was read, and is not in it: delivery judges."""
    if not comparison.keyed or comparison.chain.problem:
        return
    account, long_ago = comparison.account, started_at - LONG_AGO
    uncertain = Delivery.objects.filter(account=account, state=Delivery.State.UNCERTAIN)
    recent = Q(attempt_log__started_at__gte=long_ago) | Q(attempt_log__ended_at__gte=long_ago)
    # all keys first: SQLite lets nobody write who has not read to the end what others have changed since
    keys = list(uncertain.exclude(recent).values_list("pk", flat=True))
    for batch in batches(keys, BATCH):
        for delivery in Delivery.objects.filter(pk__in=batch).order_by("pk"):
            if left() == 0:
                return
            if delivery.seq not in comparison.seen:
                settled = settle_by_statement(delivery, None)
                comparison.mended += settled.state != delivery.state


def _lines(account: ExchangeAccount, after_id: int, left: Left) -> Iterator[StatementEntry]:
    seconds = left()
    lines = exchanges.client().iter_statement(
        _number(account), after_id, PAGE, deadline=seconds, within=seconds
    )
    return _in_time(lines, left)


def _in_time(lines: Iterable[StatementEntry], left: Left) -> Iterator[StatementEntry]:
    for line in lines:  # at each: a page may hold but one
        if left() == 0:
            raise _OutOfTimeError
        yield line


def _is_keyless(comparison: Comparison, before: Books) -> bool:
    """Whether nothing can be matched, because this Exchange keeps no keys at all."""
    account = comparison.account
    return (
        not comparison.keyed
        and before.delivered.entries > 0
        and comparison.chain.lines > 0
        and account.exchange.idempotency_proved_at is None
    )


def _is_news(account: ExchangeAccount, result: Result) -> bool:
    """Whether totals without lines say something that the last result did not."""
    if result.opening is None or not result.surplus.off:
        return False
    last = latest_result(account)
    was = surplus_of(last) if last else None
    return was is None or was.meeting(result.surplus) is None


def _mark(account: ExchangeAccount) -> Mark | None:
    """The newest line of theirs that was seen while their chain held."""
    runs = ReconciliationRun.objects.filter(account=account, statement_chain_ok=True, statement_last_id__gt=0)
    run = runs.order_by("-started_at", "-pk").first()
    return Mark(run.statement_last_id or 0, run.statement_hash) if run else None


def _number(account: ExchangeAccount) -> int:
    assert account.exchange_user_id is not None  # noqa: S101 - registered by now
    return account.exchange_user_id
