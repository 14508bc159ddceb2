"""Dispute packs that were made on the page: for how long they are here, and which were ever made."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts.models import ExchangeAccount
from usage.evidence.books import segment_of
from usage.evidence.pack import Pack, export
from usage.models import EvidenceExport

KEPT = timedelta(hours=24)
"""How long a pack can be fetched; its digest is remembered for good."""
MOST_ON_PAGE = 50_000
"""Entries that a page exports while somebody waits; the command takes any number."""
SHOWN = 20
MOST_KEPT = 5
"""Packs of one account that are here at a time: nobody fills the disk by asking for one after the other."""


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
    folder = _folder()
    _remove_old(folder)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
        path = Path(file.name)
        try:
            pack = export(account, file, since=since, until=until, deadline=deadline)
            row = note(account, pack, since=since, until=until)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    path.replace(folder / f"{row.pk}.zip")
    _remove_more(folder, account)
    return row


def note(
    account: ExchangeAccount, pack: Pack, *, since: datetime | None, until: datetime | None
) -> EvidenceExport:
    """Remember that this pack was made."""
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


def file_of(row: EvidenceExport) -> Path | None:
    """The pack itself, while it is kept."""
    path = _folder() / f"{row.pk}.zip"
    is_kept = timezone.now() - row.created_at < KEPT and path.is_file()
    return path if is_kept else None


def name_of(row: EvidenceExport) -> str:
    """Under which name a browser keeps it: the digest's beginning tells two packs apart."""
    return f"evidence-{row.head_seq}-{row.digest[:12]}.zip"


def latest(account: ExchangeAccount) -> list[EvidenceExport]:
    """The packs that were made, newest first."""
    rows = EvidenceExport.objects.filter(account=account).order_by("-created_at", "-id")
    return list(rows[:SHOWN])


def _folder() -> Path:
    folder: Path = settings.VAR_DIR / "evidence"
    # its files are somebody's books
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _remove_old(folder: Path) -> None:
    oldest = (timezone.now() - KEPT).timestamp()
    for path in folder.iterdir():
        # another process may be doing the same
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _remove_more(folder: Path, account: ExchangeAccount) -> None:
    made = EvidenceExport.objects.filter(account=account, created_at__gt=timezone.now() - KEPT)
    paths = (folder / f"{pk}.zip" for pk in made.order_by("-created_at", "-id").values_list("pk", flat=True))
    for path in [path for path in paths if path.is_file()][MOST_KEPT:]:
        path.unlink(missing_ok=True)
