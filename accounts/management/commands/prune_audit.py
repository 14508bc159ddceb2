from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.auditing.pruning import LEAST_KEPT, TooYoungError, prune
from accounts.commands import GatewayCommand


def days(text: str) -> timedelta:
    """A number of days from the command line: ``400d``."""
    if not (text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 6):
        raise argparse.ArgumentTypeError("must be a number of days, like 400d")
    return timedelta(days=int(text[:-1]))


class Command(GatewayCommand):
    help = (
        "Remove old events from the audit trail. That is an event itself, and that one is kept for good. "
        f"What is younger than {LEAST_KEPT.days} days cannot be removed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than", type=days, required=True, metavar="DAYS", help="From which age on, like 400d."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            removed = prune(options["older_than"])
        except TooYoungError as error:
            raise CommandError(
                f"--older-than: what is younger than {LEAST_KEPT.days} days stays. Nothing was removed.",
                returncode=2,
            ) from error
        if options["json"]:
            self.print_document({"removed": removed})
        else:
            self.stdout.write(f"{removed:,} event{'' if removed == 1 else 's'} removed from the audit trail.")
