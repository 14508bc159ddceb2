"""Settling what nobody knows: by a person who has looked, or by the Exchange's statement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import ExchangeAccount
from exchange import StatementEntry
from usage.delivering.leases import expire
from usage.delivering.moves import count, locked
from usage.delivering.receipts import receipt_document
from usage.models import Delivery, DeliveryQueue

State, SettledBy = Delivery.State, Delivery.SettledBy
LONG_AGO = timedelta(minutes=10)
"""A report that has not arrived after so long never will: then a statement without it proves something."""
DOUBTFUL = ("", State.UNCERTAIN)
PERSON = "person"
log = structlog.get_logger("gateway.delivery")


class NotUncertain(ValueError):  # noqa: N818 - said of the entry
    """There is nothing to settle; ``sentence`` says how the entry stands."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def may_have_been_counted(delivery: Delivery) -> bool:
    """Whether this entry was sent, and it is not known what became of that.

    One that waits may be such: it is asked about again, where a repeat counts once. Until it is answered it
    can be neither withdrawn nor believed.
    """
    if delivery.state == State.PENDING:
        return delivery.attempt_log.filter(outcome__in=DOUBTFUL).exists()
    return delivery.state in (State.SENDING, State.UNCERTAIN)


def settle_by_person(account: ExchangeAccount, seq: int, *, counted: bool) -> Delivery:
    """A person has looked: the Exchange counted it, or it did not, and then it is sent again under its key.

    Raises NotUncertain, and Delivery.DoesNotExist for a number that this account does not have.
    """
    delivery = Delivery.objects.select_related("exchange").get(entry__account=account, entry__seq=seq)
    expire(delivery.exchange, keys=[delivery.pk])  # its worker may have died with nobody there to see it

    def settle(row: Delivery, now: datetime) -> str:
        if row.state != State.UNCERTAIN:
            raise NotUncertain(
                _("This entry is not uncertain, it is %(state)s. There is nothing to settle.")
                % {"state": row.get_state_display()}
            )
        if not counted:
            return State.PENDING
        row.settled_at, row.settled_by = now, SettledBy.PERSON
        return State.DELIVERED

    return _settle(delivery, settle, by=PERSON)


def settle_by_statement(delivery: Delivery, line: StatementEntry | None) -> Delivery:
    """The Exchange's statement has this line for the entry, or (None) it has none; how the entry stands then.

    A line settles whatever is not under way. None settles only what is uncertain, and only where absence is
    proof: the Exchange keeps the keys, and any report of it ended long ago; then it is sent again. The
    statement must have been read to its end, after that. Raises ValueError for another entry's line.
    """
    if line is not None and line.idempotency_key != delivery.entry.hash:
        raise ValueError("This line of the statement is another entry's.")

    def settle(row: Delivery, now: datetime) -> str:
        if line is not None and row.state in (State.UNCERTAIN, State.PENDING, State.REJECTED):
            row.settled_at, row.settled_by = now, SettledBy.STATEMENT
            row.receipt, row.exchange_entry_id = receipt_document(line), line.id
            row.error, row.rules = "", []
            return State.DELIVERED
        if line is None and row.state == State.UNCERTAIN and _absence_is_proof(row, now):
            return State.PENDING
        return row.state

    return _settle(delivery, settle, by="statement")


def _settle(delivery: Delivery, settle: Callable[[Delivery, datetime], str], *, by: str) -> Delivery:
    with transaction.atomic():
        row = locked(Delivery.objects.filter(pk=delivery.pk)).get()
        before = row.state
        row.state = settle(row, timezone.now())
        if row.state != before:
            row.next_attempt_at = None
            row.save()
            if row.state == State.PENDING:
                # what was in doubt is known now: nothing of it was counted
                row.attempt_log.filter(outcome__in=DOUBTFUL).update(outcome=State.PENDING)
            count([(row, before, row.state)])
            if by == PERSON:
                audit.note(
                    "delivery.settled",
                    account=row.account,
                    subject=audit.of_entry(row.seq),
                    detail={"counted": row.state == State.DELIVERED},
                )
    if row.state != before:
        facts = {"account": row.account_id, "seq": row.seq, "hash": row.entry.hash, "state": row.state}
        log.info("entry_settled", settled_by=by, **facts)
    return row


def _absence_is_proof(row: Delivery, now: datetime) -> bool:
    if row.exchange.idempotency_proved_at is None:
        return False
    last = row.attempt_log.order_by("-number").first()
    restored = DeliveryQueue.objects.filter(exchange=row.exchange_id).values_list("restored_at", flat=True)
    since = [restored.first(), (last.ended_at or last.started_at) if last else None]
    return all(at is None or at < now - LONG_AGO for at in since)
