from __future__ import annotations

import os
import sys
import tempfile
from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import GatewayCommand, acting_user
from accounts.models import ExchangeAccount
from accounts.registration import account_of
from exchange.text import clean_text
from usage.evidence import Pack, days, export, keeping

PATIENCE = 60.0
"""Seconds that the Exchange has for its statement: nobody waits at a page."""


def day(text: str) -> date:
    """A UTC day from the command line."""
    try:
        parsed = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        parsed = None
    if parsed is None or not days.is_day(parsed):
        raise ArgumentTypeError("must be a day as 2026-10-31, not before 2000")
    return parsed


class Command(GatewayCommand):
    help = "Write this account's dispute pack: entries, proofs, receipts and the program that checks them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--output", type=Path, required=True, help="The zip to write.")
        parser.add_argument("--since", type=day, help="The first UTC day; without it, from the first entry.")
        parser.add_argument("--until", type=day, help="The last UTC day; without it, to the newest entry.")
        parser.add_argument(
            "--offline", action="store_true", help="Do not ask the Exchange for its statement."
        )
        parser.add_argument("--force", action="store_true", help="Overwrite the file if it is there.")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path = options["output"]
        first, last = options["since"], options["until"]
        if first and last and first > last:
            raise CommandError("--until: the last day lies before the first.", returncode=2)
        if output.exists() and not options["force"]:
            raise CommandError(f"{clean_text(str(output))} is there already. Add --force to overwrite it.")
        if output.exists() and not (output.is_file() or output.is_dir()):
            # the pack would take its place, also that of a device
            raise CommandError(f"{clean_text(str(output))} is no file, so it is not overwritten.")
        account = account_of(acting_user())
        pack = self._write(account, output, options)
        document = {
            "file": str(output),
            "digest": pack.digest,
            "entries": pack.entries,
            "size": pack.size,
            "first_seq": pack.segment.first_seq,
            "last_seq": pack.segment.last_seq,
            "head_seq": pack.segment.head_seq,
            "head_hash": pack.segment.head_hash,
            "statement": pack.statement,
        }
        if pack.broken:
            self.stderr.write(
                f"This book does not hold ({pack.broken:,} of its entries): the pack shows it to whoever "
                "checks it. `python manage.py verify_ledger` says what is wrong."
            )
        if options["json"]:
            self.print_document(document)
            return
        name = clean_text(str(output))
        many = "entry" if pack.entries == 1 else "entries"
        self.stdout.write(f"{pack.entries:,} {many} in {name}, {pack.size:,} bytes.")
        if not pack.statement.complete:
            self.stdout.write(
                f"Not all of the Exchange's statement is in it: {clean_text(pack.statement.reason)}"
            )
        self.stdout.write(f"Digest: {pack.digest}")
        self.stdout.write(f"Check it with: python3 -I usage/evidence/verify.py --expect {pack.digest} {name}")

    def _write(self, account: ExchangeAccount, output: Path, options: dict[str, Any]) -> Pack:
        since, until = days.begin(options["since"]), days.end(options["until"])
        part: Path | None = None
        try:
            # beside the file, and for nobody else to read: these are somebody's books
            with tempfile.NamedTemporaryFile(dir=output.parent, suffix=".part", delete=False) as file:
                part = Path(file.name)
                pack = export(
                    account,
                    file,
                    since=since,
                    until=until,
                    deadline=None if options["offline"] else PATIENCE,
                    progress=self._progress if sys.stderr.isatty() else None,
                )
                file.flush()
                os.fsync(file.fileno())
            # whole or not at all, and the old one until then
            part.replace(output)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(f"{clean_text(str(output))} cannot be written: {reason}.") from error
        finally:
            if part:
                part.unlink(missing_ok=True)
        keeping.note(account, pack, since=since, until=until)
        return pack

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"\r{done:,} of {total:,} entries", ending="\n" if done == total else "")
        self.stderr.flush()
