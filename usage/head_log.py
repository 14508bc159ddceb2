"""The head log: a file outside the database that says how far each chain had come, and with which hash.

Whoever can write to the database can make a consistent chain of other entries; not one that also fits what
this file, or the Exchange's statement, said before. Several processes may append to it. A chain gets a line
when it has moved: at most one a minute while it keeps moving, and one when it has come to rest. So it grows
by some 300 kB a day for a chain that never rests. It may be moved away at any time: it begins again with
every head.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from accounts.models import Exchange
from usage.models import Chain, LedgerEntry
from usage.verifying.head_lines import HeadLine, newest

MOVING = timedelta(seconds=60)
"""How often a chain that keeps moving gets a line."""
AT_REST = timedelta(seconds=5)
"""After so long without an entry a chain's head is written, however new its last line is."""

log = structlog.get_logger("gateway.head_log")


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest entry of a chain that the log names."""

    seq: int
    hash: str
    at: datetime
    exchange: str


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A chain that does not reach, or does not hold, the entry that the log has named last."""

    chain: Chain
    logged: Tip


def tips() -> Mapping[UUID, Tip]:
    """The newest entry of every chain that the log names; nothing where there is no log."""
    if not settings.HEAD_LOG:
        return {}
    lines = newest(settings.HEAD_LOG).by_chain
    return {chain: Tip(line.seq, line.hash, line.at, line.exchange) for chain, line in lines.items()}


def append_heads(exchange: Exchange, *, at_once: bool = False) -> int:
    """Append the head of every chain of this Exchange that is due (``at_once``: that has moved); how many.

    A chain that has been rolled back gets none until ``accept_rollback``: a new line would hide it. A file
    that cannot be used is logged and stops nobody: verify_ledger shows how far the chains are confirmed.
    """
    if not settings.HEAD_LOG:
        return 0
    try:
        known, now = tips(), timezone.now()
        due = [
            _line(chain, exchange, now)
            for chain in Chain.objects.filter(account__exchange=exchange, seq__gt=0)
            if _is_due(chain, known.get(chain.chain_id), now, at_once=at_once)
            and not _contradicts(chain, known.get(chain.chain_id))
        ]
        return _append(settings.HEAD_LOG, due) if due else 0
    except OSError as error:
        log.error("head_log_not_written", file=settings.HEAD_LOG, error=str(error))
        return 0


def rolled_back(exchange: Exchange) -> list[RolledBack]:
    """The chains of this Exchange behind the log or at odds with it: most likely a backup was restored."""
    known = tips()
    chains = Chain.objects.filter(account__exchange=exchange).select_related("account__user")
    return [
        RolledBack(chain, known[chain.chain_id])
        for chain in chains
        if chain.chain_id in known and _contradicts(chain, known[chain.chain_id])
    ]


def accept_rollback(exchange: Exchange) -> int:
    """Write down that the chains which were rolled back go on from where they are; how many.

    For who has restored a backup and knows it. The older lines stay in the file. Raises OSError.
    """
    now = timezone.now()
    lines = [_line(found.chain, exchange, now)._replace(rolled_back=True) for found in rolled_back(exchange)]
    return _append(settings.HEAD_LOG, lines) if lines else 0


def _line(chain: Chain, exchange: Exchange, now: datetime) -> HeadLine:
    return HeadLine(now, exchange.base_url, chain.chain_id, chain.seq, chain.hash)


def _is_due(chain: Chain, tip: Tip | None, now: datetime, *, at_once: bool) -> bool:
    if tip is None:
        return True
    if chain.seq <= tip.seq:
        return False
    rests = chain.recorded_at is None or now - chain.recorded_at >= AT_REST
    return at_once or rests or now - tip.at >= MOVING


def _contradicts(chain: Chain, tip: Tip | None) -> bool:
    if tip is None or tip.seq == 0:
        return False
    if chain.seq <= tip.seq:
        return (chain.seq, chain.hash) != (tip.seq, tip.hash)
    entry = LedgerEntry.objects.filter(account=chain.account_id, seq=tip.seq).values_list("hash", flat=True)
    return entry.first() != tip.hash


def _append(path: str, lines: list[HeadLine]) -> int:
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = newest(path).by_chain
        # another process may have written the same or newer in the meantime
        new = [line for line in lines if _is_new(line, known.get(line.chain))]
        if new:
            # what a crash has torn off must not swallow the line after it
            begin = b"" if _ends_well(file) else b"\n"
            _write_all(file, begin + b"".join(line.written() for line in new))
            os.fsync(file)
        return len(new)
    finally:
        os.close(file)


def _is_new(line: HeadLine, known: HeadLine | None) -> bool:
    return known is None or line.seq > known.seq or line.rolled_back


def _ends_well(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
