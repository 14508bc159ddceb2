from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

import structlog
from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections

from accounts.commands import GatewayCommand
from accounts.exchanges import current_exchange
from catalog.watching import pause_after, stopping
from usage.delivering.chores import Chores
from usage.delivering.report import Report, told
from usage.delivering.round import Round
from usage.delivering.senders import AT_ONCE
from usage.delivering.worker import Worker
from usage.delivery import after_restore
from usage.head_log import accept_rollback
from usage.queue import queue_status

POLL = 1.0
"""Seconds between two looks for something to deliver."""
LONGEST_PAUSE = 30.0
"""Seconds, after rounds that failed for a fault of ours or of the database."""

MOST_AT_ONCE = 16
"""Each may have a second thread, for a name to be looked up: the units allow 50 in all."""

log = structlog.get_logger("gateway.delivery")


def _reports(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= number <= MOST_AT_ONCE:
        raise ArgumentTypeError(f"must be a whole number from 1 to {MOST_AT_ONCE}")
    return number


class Command(GatewayCommand):
    help = (
        "Report to the Exchange what was recorded and waits for it. With --watch again and again, and then "
        "also reconcile every hour and verify every day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="Everything that is due now. The default.")
        how.add_argument("--watch", action="store_true", help="Until SIGTERM or Ctrl-C.")
        how.add_argument(
            "--after-restore",
            action="store_true",
            help="The database was restored from a backup: what waits may have been reported since, and "
            "becomes uncertain, where the Exchange has not proved that it counts a repeated report once.",
        )
        parser.add_argument(
            "--at-once",
            type=_reports,
            default=AT_ONCE,
            metavar="N",
            help=f"Reports under way together, 1 to {MOST_AT_ONCE}, where the Exchange has proved that it "
            "counts a repeated report once; elsewhere always one. Default: %(default)s.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["after_restore"]:
            self.unsettle(as_json=options["json"])
        elif options["watch"]:
            self.watch(at_once=options["at_once"], as_json=options["json"])
        else:
            self.sync_once(at_once=options["at_once"], as_json=options["json"])

    def unsettle(self, *, as_json: bool) -> None:
        exchange = current_exchange()
        uncertain = after_restore(exchange)
        accept_rollback(exchange)
        if as_json:
            self.print_document({"uncertain": uncertain})
        else:
            became = f"{uncertain:,} entries that waited are uncertain now: settle them first."
            self.stdout.write(became if uncertain else "Nothing that waited became uncertain.")

    def sync_once(self, *, at_once: int, as_json: bool) -> None:
        worker, done = Worker(at_once=at_once), Round()
        with stopping() as stop:
            while not stop.asked:
                one = worker.round(stop)
                done.include(one)
                if not one.more:
                    break
        worker.settle_down()
        report = Report.of(done, queue_status(current_exchange()))
        if as_json:
            self.print_document(report)
        else:
            self.stdout.write(told(report))
        if report.error:
            raise CommandError(report.error)

    def watch(self, *, at_once: int, as_json: bool) -> None:
        failures = 0
        with stopping() as stop:
            worker: Worker | None = None
            while not stop.asked:
                try:
                    close_old_connections()
                    worker = worker or Worker(chores=Chores(), at_once=at_once)
                    done = worker.round(stop)
                    self.tell(done, as_json=as_json)
                    failures = 0
                except Exception:  # nothing ends the watch: the next round may go well
                    log.exception("delivery_round_failed")
                    failures += 1
                    done = Round()
                if not done.more:
                    stop.wait(pause_after(failures, POLL if not failures else LONGEST_PAUSE))
            self.settle_down(worker)

    def tell(self, done: Round, *, as_json: bool) -> None:
        if not done.has_news:
            return
        report = Report.of(done, queue_status(current_exchange()))
        if as_json:
            self.print_document(report)
        else:
            self.stdout.write(told(report))
        self.stdout.flush()

    def settle_down(self, worker: Worker | None) -> None:
        try:
            if worker is not None:
                worker.settle_down()
        except Exception:  # it stops all the same
            log.exception("delivery_not_settled_down")
