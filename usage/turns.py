"""What only one process does at a time, however many there are: whose turn it is stands in the database.

A turn is kept alive by a thread while it is held, so that a long book has all the time it needs; with a
process that dies the thread dies too, and after ``LEASE`` the turn is free for another. The clocks of the
machines that share a database may differ by less than that.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db import DatabaseError, connections
from django.db.models import Q
from django.utils import timezone

from usage.models import Turn

LEASE = timedelta(minutes=1)
"""How long a turn outlives a process that died with it."""
log = structlog.get_logger("gateway.turns")


@contextmanager
def turn(name: str) -> Iterator[bool]:
    """Hold the turn with this name inside the block, if nobody else has it; whether it is ours.

    Must not be called inside a transaction: nobody else would know.
    """
    holder = _take(name)
    if holder is None:
        yield False
        return
    ended = threading.Event()
    alive = threading.Thread(target=_keep, args=[name, holder, ended], name=f"turn {name}", daemon=True)
    alive.start()
    try:
        yield True
    finally:
        ended.set()
        alive.join()
        # only our own: another may have taken it from a machine that slept
        Turn.objects.filter(pk=name, holder=holder).update(holder=None, until=None)


def is_taken(name: str) -> bool:
    """Whether somebody has this turn now."""
    return Turn.objects.filter(pk=name, until__gte=timezone.now()).exists()


def _take(name: str) -> uuid.UUID | None:
    now, holder = timezone.now(), uuid.uuid4()
    if is_taken(name):
        return None  # the usual case writes nothing
    Turn.objects.bulk_create([Turn(pk=name)], ignore_conflicts=True)
    free = Turn.objects.filter(Q(until=None) | Q(until__lt=now), pk=name)
    return holder if free.update(holder=holder, until=now + LEASE) else None


def _keep(name: str, holder: uuid.UUID, ended: threading.Event) -> None:
    """Say again and again that whoever holds it is alive. Opens no connection for what is done soon."""
    try:
        while not ended.wait(LEASE.total_seconds() / 3):
            try:
                held = Turn.objects.filter(pk=name, holder=holder)
                if not held.update(until=timezone.now() + LEASE):
                    log.warning("turn_lost", turn=name)
                    return
            except DatabaseError as error:  # it may be back in time
                log.warning("turn_not_kept", turn=name, error=type(error).__name__)
                connections.close_all()
    finally:
        connections.close_all()
