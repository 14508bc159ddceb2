"""Delivering entries to the Exchange: once where it honours idempotency, never twice anywhere.

    pending → sending     the attempt and its lease are committed before the report is sent
    sending → delivered   counted
            → rejected    refused; the rules' identifiers are kept
            → pending     certainly not counted, or in doubt where a repeat counts once
            → uncertain   in doubt: never sent again by itself
    uncertain → delivered | pending   settled by a person, or by the Exchange's statement

What an answer means stands in usage.delivering.outcomes. Workers, pages and commands may be at it at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import closing

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from accounts import exchanges
from accounts.models import Exchange, ExchangeAccount
from catalog.patience import shared
from usage.delivering import pause
from usage.delivering.claims import claims_lost
from usage.delivering.due import Due, due
from usage.delivering.leases import CALL_SECONDS, Claimed, claim, expire, release
from usage.delivering.marking import mark
from usage.delivering.restore import after_restore
from usage.delivering.round import Round, Stopping
from usage.delivering.senders import report_all
from usage.delivering.sending import probe, register, report
from usage.delivering.settling import NotUncertain, settle_by_person, settle_by_statement
from usage.delivering.taking import Taking, draw_conclusions
from usage.models import Delivery, LedgerEntry

__all__ = [
    "NotUncertain",
    "Round",
    "after_restore",
    "deliver_due",
    "deliver_now",
    "settle_by_person",
    "settle_by_statement",
]

State = Delivery.State
BATCH = 40
"""Entries taken, and written down, together where a report may be repeated."""
PAGE_PATIENCE = 5.0
log = structlog.get_logger("gateway.delivery")


def deliver_due(
    exchange: Exchange, *, limit: int = 100, stop: Stopping | None = None, at_once: int = 1
) -> Round:
    """One unit of work: take what is due, report it, write down what came of it.

    Up to ``at_once`` reports are under way together, where the Exchange has proved that it counts a repeat
    once and is not in trouble. Ends early when the Exchange is in trouble, which then is left in peace for a
    while, or when ``stop`` is asked. Raises ValueError for another Exchange than the configured one, and the
    database's errors.
    """
    _require_current(exchange)
    done = Round(expired=expire(exchange))
    if _is_left_in_peace(exchange, done):
        return done
    exchange.refresh_from_db(fields=["idempotency_proved_at"])
    todo = due(exchange, limit)
    done.more = len(todo) >= limit
    in_trouble = bool(todo) and pause.queue_of(exchange).failures > 0
    if in_trouble and not exchange.idempotency_proved_at and not _answers(todo, exchange):
        _is_left_in_peace(exchange, done)
        return done
    for account in {one.account.pk: one.account for one in todo if not one.account.is_registered}.values():
        if (stop and stop.asked) or not register(account, exchange, CALL_SECONDS):
            todo = [one for one in todo if one.account.pk != account.pk]
            if _is_left_in_peace(exchange, done):
                return done
    while todo and not (stop and stop.asked):
        # one at a time where a repeat counts twice: a crash then leaves one in doubt, and not forty.
        # And whoever was in trouble is asked by one report first
        size = BATCH if exchange.idempotency_proved_at and not in_trouble else 1
        batch, todo = todo[:size], todo[size:]
        claimed = claim(exchange, [one.key for one in batch])
        if not _deliver(exchange, claimed, done, stop, at_once=min(at_once, size)):
            done.more = False
            break
        # another may have taken the one that was to ask
        in_trouble = in_trouble and pause.queue_of(exchange).failures > 0
    _is_left_in_peace(exchange, done)
    return done


def deliver_now(entry: LedgerEntry, *, deadline: float | None) -> Delivery:
    """Try to deliver this entry while somebody waits, for ``deadline`` seconds in all; how it stands then.

    Whatever the Exchange does, nothing is raised: what was recorded stays, and the worker goes on with it.
    """
    left = shared(CALL_SECONDS if deadline is None else min(deadline, CALL_SECONDS))
    delivery = Delivery.objects.select_related("account__user", "exchange").get(pk=entry.pk)
    exchange, account = delivery.exchange, delivery.account
    try:
        # a restored backup is the worker's to notice: until it has, nothing may hide it
        waits = (
            exchange.base_url != settings.TOKLIGENCE.base_url
            or _is_left_in_peace(exchange, Round())
            or claims_lost(exchange) > 0
        )
        if not waits and (account.is_registered or _is_registered_now(account, exchange, left() or 0.0)):
            for claimed in claim(exchange, [entry.pk]):
                outcome = report(claimed, exchange, left() or 0.0)
                mark([(claimed, outcome)], patience=PAGE_PATIENCE)
                draw_conclusions(exchange, outcome)
    except DatabaseError:
        log.exception("delivery_failed", account=account.pk, seq=delivery.seq)
    delivery.refresh_from_db()
    return delivery


def _is_registered_now(account: ExchangeAccount, exchange: Exchange, seconds: float) -> bool:
    return account.pk not in pause.held(exchange) and register(account, exchange, seconds)


def _deliver(
    exchange: Exchange, claimed: Sequence[Claimed], done: Round, stop: Stopping | None, *, at_once: int
) -> bool:
    """Report what was taken; whether to go on."""
    rest, taking = deque(claimed), Taking(exchange, done)

    def take() -> Claimed | None:
        enough = not taking.goes_on or (stop is not None and stop.asked and len(rest) < len(claimed))
        return rest.popleft() if rest and not enough and rest[0].has_time_for(CALL_SECONDS) else None

    try:
        with closing(report_all(exchange, take, taking.results, at_once=at_once)) as steps:
            for _step in steps:
                taking.look()
    finally:
        try:
            taking.write()
        finally:
            release(rest)
    return taking.goes_on


def _is_left_in_peace(exchange: Exchange, done: Round) -> bool:
    """Whether nobody should try now; why, and until when, is noted in ``done``."""
    queue = pause.queue_of(exchange)
    if queue.paused_until and queue.paused_until > timezone.now():
        done.paused_until, done.failure, done.more = queue.paused_until, queue.failure, False
        return True
    if exchanges.client().breaker.retry_in > 0:  # this process has just found it out by other calls
        done.more = False
        return True
    return False


def _answers(todo: Sequence[Due], exchange: Exchange) -> bool:
    """Whether it does its work again, as far as that can be asked without a report."""
    known = next((one.account for one in todo if one.account.is_registered), None)
    return known is None or probe(known, exchange, CALL_SECONDS)


def _require_current(exchange: Exchange) -> None:
    if exchange.base_url != settings.TOKLIGENCE.base_url:
        raise ValueError("What was recorded for one Exchange is never sent to another.")
