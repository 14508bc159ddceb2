"""Dispute packs that were made on the page: for how long they are here, and which were ever made.

A pack is kept in the database, in pieces: whichever of several machines is asked for it has it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import ExchangeAccount
from accounts.models.audit import SubjectKind
from usage.evidence.books import segment_of
from usage.evidence.pack import Pack, export
from usage.models import EvidenceExport, EvidencePart

KEPT = timedelta(hours=24)
"""How long a pack can be fetched; its digest is remembered for good."""
MOST_ON_PAGE = 50_000
"""Entries that a page exports while somebody waits; the command takes any number."""
SHOWN = 20
MOST_KEPT = 5
"""Packs of one account that are here at a time: nobody fills the disk by asking for one after the other."""
PIECE = 1_000_000
"""Bytes that are written at a time: whoever records on SQLite waits for no more than that."""


class TooManyEntriesError(ValueError):
    """More entries than a page exports."""


def make(
    account: ExchangeAccount,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    deadline: float | None = None,
) -> EvidenceExport:
    """Make a pack and keep it for a while. Raises TooManyEntriesError."""
    segment = segment_of(account, since=since, until=until)
    if (segment.last_seq or 0) - (segment.first_seq or 1) >= MOST_ON_PAGE:
        raise TooManyEntriesError
    remove_old()
    with tempfile.TemporaryFile() as file:
        pack = export(account, file, since=since, until=until, deadline=deadline)
        row = note(account, pack, since=since, until=until)
        _keep(row, file)
    _remove_more(account)
    return row


def note(
    account: ExchangeAccount, pack: Pack, *, since: datetime | None, until: datetime | None
) -> EvidenceExport:
    """Remember that this pack was made."""
    with transaction.atomic():
        row = _remember(account, pack, since=since, until=until)
        subject = audit.Subject(SubjectKind.EVIDENCE, pack.digest[:12])
        audit.note("evidence.exported", account=account, subject=subject, detail={"entries": pack.entries})
    return row


def _remember(
    account: ExchangeAccount, pack: Pack, *, since: datetime | None, until: datetime | None
) -> EvidenceExport:
    return EvidenceExport.objects.create(
        account=account,
        digest=pack.digest,
        size=pack.size,
        entries=pack.entries,
        broken=pack.broken,
        first_seq=pack.segment.first_seq,
        last_seq=pack.segment.last_seq,
        head_seq=pack.segment.head_seq,
        head_hash=pack.segment.head_hash,
        since=since,
        until=until,
        statement_lines=pack.statement.lines,
        statement_complete=pack.statement.complete,
    )


def packs() -> QuerySet[EvidenceExport]:
    """Every pack that was made, each with how many of its pieces are here."""
    return EvidenceExport.objects.annotate(pieces=Count("parts"))


def is_kept(row: EvidenceExport) -> bool:
    """Whether the pack itself is here, all of it; ``row`` is one of ``packs``."""
    pieces: int = row.pieces  # type: ignore[attr-defined]  # the annotation
    return timezone.now() - row.created_at < KEPT and pieces == -(-row.size // PIECE)


def content_of(row: EvidenceExport) -> Iterator[bytes]:
    """The pack, a piece at a time."""
    for number in range(-(-row.size // PIECE)):
        yield bytes(EvidencePart.objects.values_list("content", flat=True).get(export=row, number=number))


def name_of(row: EvidenceExport) -> str:
    """Under which name a browser keeps it: the digest's beginning tells two packs apart."""
    return f"evidence-{row.head_seq}-{row.digest[:12]}.zip"


def latest(account: ExchangeAccount) -> list[EvidenceExport]:
    """The packs that were made, newest first."""
    rows = packs().filter(account=account).order_by("-created_at", "-id")
    return list(rows[:SHOWN])


def remove_old() -> None:
    """Take away the packs, of whatever account, whose time is over."""
    over = EvidencePart.objects.filter(export__created_at__lt=timezone.now() - KEPT)
    for pk in list(over.values_list("export", flat=True).distinct()):
        EvidencePart.objects.filter(export=pk).delete()


def _keep(row: EvidenceExport, file: IO[bytes]) -> None:
    file.seek(0)
    number = 0
    while content := file.read(PIECE):
        EvidencePart.objects.create(export=row, number=number, content=content)
        number += 1


def _remove_more(account: ExchangeAccount) -> None:
    kept = EvidenceExport.objects.filter(account=account, parts__number=0).order_by("-created_at", "-id")
    for pk in list(kept.values_list("pk", flat=True)[MOST_KEPT:]):
        EvidencePart.objects.filter(export=pk).delete()
