"""How often something was taken to be sent: counted in the database, and in a file outside of it.

The head log shows that a database is a restored backup by entries that are missing. Where none was recorded
since, only this shows it: a database that has counted fewer than the file was put back to an earlier moment,
and what waits in it may have been sent since. The file stands beside the head log, under ``.claims``: a JSON
object of each queue's id and count. It is written before anything is sent; it is not forced to the disk, for
it must outlive a process and a database, not a power cut.
"""

from __future__ import annotations

import fcntl
import json
import os
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F

from accounts.models import Exchange
from usage.delivering.pause import queue_of
from usage.models import DeliveryQueue

log = structlog.get_logger("gateway.delivery")


def count_claim(exchange: Exchange) -> None:
    """Count one taking, in its transaction, last of all."""
    queue_of(exchange)
    DeliveryQueue.objects.filter(exchange=exchange).update(claims=F("claims") + 1)


def note_claims(exchange: Exchange) -> None:
    """Bring the file up to the database. A file that cannot be used is logged and stops nobody."""
    if not settings.HEAD_LOG:
        return
    queue = DeliveryQueue.objects.get(exchange=exchange)
    try:
        file = os.open(_path(), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            counts = _read(file)
            # it only ever grows, and so does its text: a write that is cut short leaves no tail of the old
            if queue.claims > counts.get(str(queue.queue_id), 0):
                data = json.dumps(counts | {str(queue.queue_id): queue.claims}).encode()
                os.pwrite(file, data, 0)
                os.ftruncate(file, len(data))  # nor what somebody else has written into it
        finally:
            os.close(file)
    except OSError as error:
        log.error("claims_not_written", file=_path(), error=str(error))


def claims_lost(exchange: Exchange) -> int:
    """How many takings the file knows of that the database does not; 0 as it should be."""
    queue = queue_of(exchange)
    # in this order: what is in the file has been in the database before
    outside = _outside(queue.queue_id)
    queue.refresh_from_db(fields=["claims"])
    return max(outside - queue.claims, 0)


def _outside(queue_id: UUID) -> int:
    if not settings.HEAD_LOG:
        return 0
    try:
        file = os.open(_path(), os.O_RDONLY)
    except OSError:
        return 0
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        return _read(file).get(str(queue_id), 0)
    finally:
        os.close(file)


def _path() -> str:
    return f"{settings.HEAD_LOG}.claims"


def _read(file: int) -> dict[str, int]:
    try:
        document = json.loads(os.pread(file, os.fstat(file).st_size, 0) or b"{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {name: number for name, number in document.items() if type(number) is int}
