"""Making a dispute pack."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from accounts.models import ExchangeAccount
from usage.evidence import books, witnesses
from usage.evidence.members import MemberWriter, encoded
from usage.evidence.run import Progress, Run
from usage.evidence.statement import Fetched, fetch
from usage.evidence.summary import document_of, period_of, text_of
from usage.evidence.verify import Sums

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What was made. ``digest`` covers every byte of every member; ``size`` is the zip's, in bytes.

    ``broken``: so many of its entries do not hold, and whoever checks the pack will be told so.
    """

    digest: str
    entries: int
    size: int
    segment: books.Segment
    statement: Fetched
    broken: int = 0


def export(
    account: ExchangeAccount,
    stream: IO[bytes],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> Pack:
    """Write the account's dispute pack into a seekable file, at constant memory.

    It holds the whole chain, or the shortest run of it with every entry that occurred from ``since`` up to
    ``until``. ``deadline`` is the seconds that the Exchange has to send its statement; without it nobody is
    asked. Recording may go on: what comes later is not in it. Must not be called inside a transaction.
    """
    # what has seen the chain is read before its head: what it saw must be there
    tip, runs = witnesses.tip_of(account), witnesses.latest_runs(account)
    segment = books.segment_of(account, since=since, until=until)
    start, period = stream.tell(), period_of(since, until)
    run = Run(segment, Sums(period), progress)
    with MemberWriter(stream) as members:
        _write_entries(members, run, account)
        with members.member("statement.jsonl") as write:
            # after the entries, so that what was delivered by then is in it
            fetched = fetch(account, run.window, write, deadline=deadline)
        with members.member("reconciliation.jsonl") as write:
            for line in witnesses.run_lines(runs, segment):
                write(encoded(line) + b"\n")
        members.add("anchors.jsonl", encoded(witnesses.anchor_line(tip)) + b"\n" if tip else b"")
        members.add("chain.json", encoded(run.ends))
        document = document_of(account, run.sums, period, fetched)
        members.add("summary.json", encoded(document))
        members.add("summary.txt", text_of(document, segment, runs).encode())
        for name in ("README.txt", "verify.py"):
            members.add(name, (HERE / name).read_bytes())
        digest = members.finish()
    return Pack(
        digest=digest,
        entries=run.count,
        size=stream.tell() - start,
        segment=segment,
        statement=fetched,
        broken=run.broken,
    )


def _write_entries(members: MemberWriter, run: Run, account: ExchangeAccount) -> None:
    """Entries and receipts, read together; a zip takes one member after the other, so receipts wait."""
    with tempfile.TemporaryFile() as receipts:
        with members.member("entries.jsonl") as write:
            run.read(account, write_entry=write, write_receipt=receipts.write)
        receipts.seek(0)
        with members.member("receipts.jsonl") as write:
            for block in iter(lambda: receipts.read(1 << 16), b""):
                write(block)
