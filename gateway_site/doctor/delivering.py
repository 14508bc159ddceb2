"""Delivery: does a worker run, and what does not get through?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta

from django.utils import timezone

from gateway_site.doctor.books import condition, current
from gateway_site.doctor.findings import Finding, Subject, long, many
from usage.models import DeliveryHold
from usage.queue import QueueStatus, queue_status

SUBJECT = Subject("Delivery")
SLOW, STUCK = timedelta(minutes=2), timedelta(minutes=15)


def worker() -> Iterator[Finding]:
    """Whether a delivery worker was seen lately."""
    status = _status()
    if status.worker_alive:
        yield SUBJECT.ok("worker", "A delivery worker is at work.")
        return
    seen = status.worker_seen_at
    when = f"was last seen {long(timezone.now() - seen)} ago" if seen else "was never seen"
    yield SUBJECT.problem(
        "worker",
        f"The delivery worker {when}: nothing reaches the Exchange, and nothing is reconciled or verified.",
        "Start it: `python manage.py sync_usage --watch`, the process `delivery` of the Procfile. If it "
        "runs, see what it logs.",
    )


def queue() -> Iterator[Finding]:
    """What waits, and what waits for a person."""
    status = _status()
    lag = timedelta(seconds=status.lag_seconds)
    waits = f"{many(status.pending, 'entry waits', 'entries wait')}, the oldest for {long(lag)}"
    if status.is_paused and status.paused_until is not None:
        until = f"{status.paused_until.astimezone(UTC):%H:%M:%S} UTC"
        yield SUBJECT.warning(
            "paused",
            f"The Exchange is left in peace until {until}.",
            "It was in trouble: see what is said of the Exchange.",
        )
    if status.pending and lag > STUCK:
        yield SUBJECT.problem(
            "lag",
            f"{waits}.",
            "See whether the worker runs and the Exchange answers. Nothing is lost: it catches up.",
        )
    elif status.pending and lag > SLOW:
        yield SUBJECT.warning("lag", f"{waits}.", "If it grows, run another worker beside the first.")
    else:
        yield SUBJECT.ok("lag", f"{waits}." if status.pending else "Nothing waits.")
    if status.uncertain:
        yield SUBJECT.warning(
            "uncertain",
            f"{many(status.uncertain, 'entry is', 'entries are')} uncertain: the Exchange may or may not "
            "have counted them, and they are not sent again by themselves.",
            "Open them from /usage/logs/?state=uncertain and settle each; reconciliation does it where the "
            "Exchange offers a statement.",
        )
    if status.rejected:
        yield SUBJECT.warning(
            "rejected",
            f"The Exchange refused {many(status.rejected, 'entry', 'entries')}.",
            "See why at /usage/logs/?state=rejected; reverse what was recorded by mistake.",
        )
    held = DeliveryHold.objects.filter(account__exchange=current()).count()
    if held:
        yield SUBJECT.warning(
            "held",
            f"The Exchange refuses to register {many(held, 'account')}: their entries wait.",
            "The admin's list of Exchange accounts and the worker's log say whose and why.",
        )


def quarantine() -> Iterator[Finding]:
    """Rows of LiteLLM's that could not be recorded."""
    waiting = condition().quarantined
    if waiting:
        yield SUBJECT.warning(
            "quarantine",
            f"{many(waiting, 'row')} of LiteLLM's could not be recorded and wait for a person.",
            "Say which service each was, or discard it, at /usage/quarantine/.",
        )


def _status() -> QueueStatus:
    exchange = current()
    return queue_status(exchange) if exchange else QueueStatus()
