"""The ledger: is it guarded, was it verified, does it agree with the Exchange and with the head log?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import Exchange
from gateway_site.doctor.findings import Finding, Subject, long, many
from usage import head_log, triggers
from usage.condition import Condition, condition_of
from usage.models import Chain

SUBJECT = Subject("Ledger")
NOT_VERIFIED = timedelta(days=2)
NOT_RECONCILED = timedelta(hours=6)
BEHIND = timedelta(minutes=5)
NO_WORKER = (
    "The delivery worker does it: see whether it runs (`manage.py sync_usage --watch`) and what it logs."
)


def current() -> Exchange | None:
    """The configured Exchange, if it was ever used. Makes no row: a doctor changes nothing."""
    return Exchange.objects.filter(base_url=settings.TOKLIGENCE.base_url).first()


def condition() -> Condition:
    """How the books at the configured Exchange stand."""
    exchange = current()
    return condition_of(exchange) if exchange else Condition()


def triggers_in_place() -> Iterator[Finding]:
    """Whether the database itself refuses to change what was recorded."""
    gone = triggers.missing(connection)
    if gone:
        yield SUBJECT.problem(
            "triggers",
            f"The ledger is not guarded: {', '.join(gone)} is missing or another one.",
            "Run `python manage.py migrate`, which puts them back; then `python manage.py verify_ledger "
            "--all`, for entries may have been changed meanwhile.",
        )
    else:
        yield SUBJECT.ok("triggers", "Its triggers are in place: entries cannot be changed.")


def verified() -> Iterator[Finding]:
    """What the newest verifications found, and how old they are."""
    books = condition()
    if not books.accounts or books.verified_at is None:
        yield SUBJECT.ok("verified", "Nothing was recorded yet.")
        return
    age = timezone.now() - books.verified_at
    if books.problems:
        yield SUBJECT.problem(
            "verified",
            f"The last verification found {many(books.problems, 'problem')}.",
            "Run `python manage.py verify_ledger --all` to see each, and keep a copy of the database before "
            "anything else: docs/operations.md, TokligenceVerificationProblem.",
        )
    elif age > NOT_VERIFIED:
        yield SUBJECT.warning("verified", f"A book was not verified for {long(age)}.", NO_WORKER)
    else:
        told = many(books.recorded, "entry", "entries")
        yield SUBJECT.ok(
            "verified", f"{told} of {many(books.accounts, 'account')}, verified within {long(age)}."
        )


def reconciled() -> Iterator[Finding]:
    """Whether the Exchange's books say the same."""
    books = condition()
    if books.open_differences:
        yield SUBJECT.problem(
            "differences",
            f"The Exchange's books differ from those of {many(books.open_differences, 'account')}.",
            "Look at /usage/reconciliation/ or run `python manage.py reconcile`, and acknowledge what is "
            "explained: docs/operations.md, TokligenceDifferenceOpen.",
        )
    if not books.accounts or books.clean_at is None:
        return
    age = timezone.now() - books.clean_at
    if age > NOT_RECONCILED:
        yield SUBJECT.warning(
            "reconciled", f"An account was not found to agree with the Exchange for {long(age)}.", NO_WORKER
        )
    elif not books.open_differences:
        yield SUBJECT.ok("reconciled", f"Agrees with the Exchange's books, as of {long(age)} ago.")


def head_log_agrees() -> Iterator[Finding]:
    """Whether the head log can be written, and its newest lines name entries that stand here."""
    if not settings.HEAD_LOG:
        yield SUBJECT.warning(
            "head_log",
            "There is no head log: who can write to the database could make its books anew unseen.",
            "Set head_log to a file that is not in the database's backups.",
        )
        return
    file = Path(settings.HEAD_LOG)
    # os.access would say yes to root of a file system that is read only
    try:
        os.close(os.open(file, os.O_RDWR | os.O_APPEND))
    except OSError as error:
        if not (isinstance(error, FileNotFoundError) and os.access(file.parent, os.W_OK)):
            yield SUBJECT.problem(
                "head_log",
                f"The head log {file} cannot be written ({error.strerror}).",
                "Give it to the worker's user.",
            )
            return
    exchange = current()
    rolled_back = head_log.rolled_back(exchange) if exchange else []
    if rolled_back:
        first = rolled_back[0]
        yield SUBJECT.problem(
            "head_log",
            f"The head log knows entry #{first.logged.seq} of a chain that ends at #{first.chain.seq}, or "
            f"holds another one there ({many(len(rolled_back), 'chain')}): a backup was restored, or the "
            "database was changed.",
            "After a restore run `python manage.py sync_usage --after-restore`; else "
            "`python manage.py verify_ledger --all`.",
        )
    elif exchange and (behind := _behind(exchange)):
        yield SUBJECT.warning("head_log", f"The head log is behind for {many(behind, 'chain')}.", NO_WORKER)
    else:
        yield SUBJECT.ok("head_log", "The head log can be written and agrees with the database.")


def _behind(exchange: Exchange) -> int:
    tips, before = head_log.tips(), timezone.now() - BEHIND
    chains = Chain.objects.filter(account__exchange=exchange, seq__gt=0, recorded_at__lt=before)
    return sum(
        chain_id not in tips or tips[chain_id].seq < seq
        for chain_id, seq in chains.values_list("chain_id", "seq")
    )
