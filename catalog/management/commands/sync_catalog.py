from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections

from accounts.commands import GatewayCommand
from catalog.mirror import CatalogueError, Refreshed, refresh
from catalog.mirror_watch import DEADLINE, Watch
from catalog.watching import stopping

DEFAULT_INTERVAL = 60
"""Seconds, where catalog_max_age is 0 and says nothing of how often."""


def seconds(text: str) -> int:
    """A whole number of seconds, 1 or more; ValueError for anything else."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= 10**9):
        raise ValueError
    return int(text)


class Command(GatewayCommand):
    help = "Fetch what the Exchange lists, and bring the catalogue that is kept here up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--watch", action="store_true", help="Again and again, until SIGTERM or Ctrl-C.")
        parser.add_argument(
            "--interval",
            type=seconds,
            default=settings.TOKLIGENCE.catalog_max_age or DEFAULT_INTERVAL,
            help="With --watch: seconds between two looks. Default: catalog_max_age (%(default)s).",
        )
        parser.add_argument(
            "--accept-shrink",
            action="store_true",
            help="Take the catalogue over although it has lost more than half.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"]:
            if options["accept_shrink"]:
                raise CommandError("--accept-shrink is a decision for once: leave --watch out.", returncode=2)
            self.watch(options["interval"], as_json=options["json"])
            return
        try:
            refreshed = refresh(accept_shrink=options["accept_shrink"], deadline=DEADLINE)
        except CatalogueError as error:
            raise CommandError(str(error)) from error
        self.print_refreshed(refreshed, as_json=options["json"])

    def watch(self, interval: float, *, as_json: bool) -> None:
        watch = Watch(interval)
        with stopping() as stop:
            while not stop.asked:
                close_old_connections()
                seconds, refreshed = watch.look(refresh)
                # a person who watches wants to see what is new; a program, that it is alive
                if refreshed is not None and (as_json or refreshed.has_news):
                    self.print_refreshed(refreshed, as_json=as_json)
                stop.wait(seconds)

    def print_refreshed(self, refreshed: Refreshed, *, as_json: bool) -> None:
        if as_json:
            self.print_document(refreshed)
        else:
            self.stdout.write(told(refreshed))
        self.stdout.flush()


def told(refreshed: Refreshed) -> str:
    """What a refresh did, in a line."""
    if refreshed.unchanged:
        return f"{refreshed.listed:,} services are listed. Nothing changed at the Exchange."
    counts = {
        "new": refreshed.added,
        "changed": refreshed.changed - refreshed.relisted,
        "at a new price": refreshed.repriced,
        "delisted": refreshed.delisted,
        "listed again": refreshed.relisted,
        "set aside, for the Exchange does not list their provider": refreshed.set_aside,
    }
    news = "; ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"{refreshed.listed:,} services are listed. {f'{news}.' if news else 'Nothing is new.'}"
