"""The lines of the head log: how one is written and read, and what the file's newest ones are.

A line is a JSON object: ``{"at", "exchange", "chain", "seq", "hash"}``; with ``"rolled_back": true`` it says
that the chain went on from an older entry, knowingly, after a backup was restored.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from exchange.fields import INT64_MAX

_HASH = re.compile(r"[0-9a-f]{64}")
LONGEST = 64 * 1024
"""Bytes of a line; more of it is no line, and is not held in memory."""


class HeadLine(NamedTuple):
    """That a chain's newest entry was this one at that time."""

    at: datetime
    exchange: str
    chain: UUID
    seq: int
    hash: str
    rolled_back: bool = False

    def written(self) -> bytes:
        """The line as it stands in the file, its end included."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        said = {
            "at": at,
            "exchange": self.exchange,
            "chain": str(self.chain),
            "seq": self.seq,
            "hash": self.hash,
        }
        more = {"rolled_back": True} if self.rolled_back else {}
        return json.dumps(said | more).encode() + b"\n"


def read_line(raw: bytes) -> HeadLine | None:
    """What a line says; None for one that is none: torn by a crash, or written by somebody else."""
    try:
        said = json.loads(raw)
        line = HeadLine(
            at=datetime.fromisoformat(said["at"]),
            exchange=said["exchange"],
            chain=UUID(said["chain"]),
            seq=said["seq"],
            hash=said["hash"],
            rolled_back=said.get("rolled_back") is True,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    well_formed = (
        line.at.tzinfo is not None
        and MINYEAR < line.at.year < MAXYEAR  # in UTC it may be another year
        and isinstance(line.exchange, str)
        and type(line.seq) is int
        and 0 <= line.seq <= INT64_MAX  # more is no entry's number, and no database can be asked for it
        and isinstance(line.hash, str)
        and _HASH.fullmatch(line.hash)
    )
    return line if well_formed else None


def read_lines(path: str) -> Iterator[HeadLine | None]:
    """Every complete line of the file from its beginning, None for each that is none; none without a file."""
    try:
        with Path(path).open("rb") as file:
            for _end, line in _complete(file, 0):
                yield line
    except FileNotFoundError:
        return


@dataclass(slots=True)
class Tips:
    """The newest line of each chain, as far as the file has been read."""

    inode: int = 0
    offset: int = 0
    by_chain: dict[UUID, HeadLine] = field(default_factory=dict)
    unreadable: int = 0

    def add(self, line: HeadLine | None) -> None:
        if line is None:
            self.unreadable += 1
            return
        known = self.by_chain.get(line.chain)
        if known is None or line.rolled_back or line.seq > known.seq:
            self.by_chain[line.chain] = line


_read: dict[str, Tips] = {}
_reading = threading.Lock()


def newest(path: str) -> Tips:
    """The newest line of each chain; of a file that only grew, no more than what is new is read."""
    with _reading:
        try:
            with Path(path).open("rb") as file:
                status = os.fstat(file.fileno())
                tips = _read.get(path)
                if tips is None or tips.inode != status.st_ino or status.st_size < tips.offset:
                    tips = _read[path] = Tips(inode=status.st_ino)
                for end, line in _complete(file, tips.offset):
                    tips.add(line)
                    tips.offset = end
                return Tips(tips.inode, tips.offset, dict(tips.by_chain), tips.unreadable)
        except FileNotFoundError:
            _read.pop(path, None)
            return Tips()


def _complete(file: BinaryIO, offset: int) -> Iterator[tuple[int, HeadLine | None]]:
    """Lines with the place where each ends; the last one only if its end is written, too."""
    file.seek(offset)
    while raw := file.readline(LONGEST):
        if not raw.endswith(b"\n") and len(raw) < LONGEST:
            return
        offset += len(raw)
        if raw.strip():
            yield offset, read_line(raw)
