from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

from gateway_site.patient_schema import holders_of_locks, one_at_a_time, waiting_at_most

LOCK_TIMEOUT = 3.0
TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0


class Command(migrate.Command):
    """Django's own, which on PostgreSQL stops nobody for long.

    A change of a table waits until everybody who reads it is through, and whoever comes after waits behind
    it: one long report would stop the whole site. So it waits for some seconds only, lets everybody pass, and
    tries again. One process migrates at a time, however many are started. Each migration is done whole or not
    at all, and those that were done stay.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout",
            type=float,
            default=LOCK_TIMEOUT,
            metavar="SECONDS",
            help="PostgreSQL: how long a change may keep others waiting for a table; 0 is for ever. "
            "Default: %(default)s.",
        )
        parser.add_argument(
            "--tries",
            type=int,
            default=TRIES,
            help="PostgreSQL: how often it is tried where a table is in use. Default: %(default)s.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        seconds, tries = options["lock_timeout"], options["tries"]
        if not 0 <= seconds <= 3600 or not 1 <= tries <= 1000:
            raise CommandError("--lock-timeout is 0 to 3600 seconds, --tries is 1 to 1000.", returncode=2)
        connection = connections[options["database"]]
        with one_at_a_time(connection, self._say_who_is_first):
            if connection.vendor != "postgresql":
                super().handle(*args, **options)
                return
            with waiting_at_most(connection, seconds):
                self._try(connection, tries, args, options)

    def _say_who_is_first(self) -> None:
        self.stderr.write("Another process migrates this database. Waiting for it.")

    def _try(
        self, connection: BaseDatabaseWrapper, tries: int, args: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        pause = FIRST_PAUSE
        for left in reversed(range(tries)):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                holders = holders_of_locks(connection)
                if not left:
                    raise CommandError(_given_up(tries, holders)) from error
                self.stderr.write(f"A table is in use{_by(holders)}. Trying again in {pause:.0f} s.")
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return


def _by(holders: list[str]) -> str:
    return f", most likely by {'; '.join(holders)}" if holders else ""


def _given_up(tries: int, holders: list[str]) -> str:
    return (
        f"A table that is to be changed was in use each of the {tries} times{_by(holders)}. Nothing of this "
        "migration was done; the migrations before it were. End what holds the table, or wait for it, and "
        "run migrate again."
    )
