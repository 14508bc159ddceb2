"""Every probe, one after the other: bounded in time, and failing alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import structlog
from django.db import connection

from exchange.text import clean_text
from gateway_site.doctor import (
    books,
    caching,
    configuration,
    database,
    delivering,
    exchange,
    files,
    mailing,
    people,
)
from gateway_site.doctor.findings import Finding, Subject

Probe = Callable[[], Iterable[Finding]]
SECONDS = 12.0
"""For each probe: a mail server has ten."""
log = structlog.get_logger("gateway.doctor")


class OverdueError(KeyboardInterrupt):
    """The time of a probe is over. No Exception: what a probe calls must not take it for one of its own.

    A kind of Ctrl-C: only for that does psycopg cancel the statement in the server, too.
    """


@dataclass(frozen=True, slots=True)
class Visit:
    """A probe, of which subject it speaks, and whether it makes sense without the database."""

    subject: Subject
    probe: Probe
    needs_database: bool = True


VISITS = (
    Visit(configuration.SUBJECT, configuration.checks, needs_database=False),
    Visit(database.SUBJECT, database.reachable, needs_database=False),
    Visit(database.SUBJECT, database.migrations),
    Visit(database.SUBJECT, database.settings_of_it),
    Visit(database.SUBJECT, database.room),
    Visit(books.SUBJECT, books.triggers_in_place),
    Visit(books.SUBJECT, books.verified),
    Visit(books.SUBJECT, books.reconciled),
    Visit(books.SUBJECT, books.head_log_agrees),
    Visit(delivering.SUBJECT, delivering.worker),
    Visit(delivering.SUBJECT, delivering.queue),
    Visit(delivering.SUBJECT, delivering.quarantine),
    Visit(exchange.SUBJECT, exchange.answers, needs_database=False),
    Visit(exchange.SUBJECT, exchange.idempotency),
    Visit(exchange.CATALOGUE, exchange.catalogue),
    Visit(mailing.SUBJECT, mailing.server, needs_database=False),
    Visit(mailing.SUBJECT, mailing.mails_that_failed),
    Visit(caching.SUBJECT, caching.keeps, needs_database=False),
    Visit(files.SUBJECT, files.static_files, needs_database=False),
    Visit(files.SUBJECT, files.private, needs_database=False),
    Visit(files.SUBJECT, files.log_file, needs_database=False),
    Visit(files.CLOCK, files.clock),
    Visit(people.SUBJECT, people.operators),
)


def examine(more: Sequence[Visit] = (), *, seconds: float = SECONDS) -> list[Finding]:
    """What all probes, and these, find. Those that need a database are left out without, and it says so."""
    found: list[Finding] = []
    for visit in (*VISITS, *more):
        if visit.needs_database and (reason := _no_use(found)):
            if not any(one.id == "database.not_looked" for one in found):
                found.append(
                    database.SUBJECT.warning("not_looked", reason, "Mend the database first, and ask again.")
                )
            continue
        found += visited(visit, seconds)
    return found


def visited(visit: Visit, seconds: float) -> list[Finding]:
    """What one probe finds within so many seconds; that it failed is a finding, too."""
    found: list[Finding] = []
    name = getattr(visit.probe, "__name__", "probe")
    try:
        with _bounded(seconds):
            found.extend(visit.probe())
    except OverdueError:
        # a question to the database was left in the middle: on this connection nothing else could be asked
        connection.close()
        found.append(
            visit.subject.problem(
                f"{name}_late",
                f"No answer within {seconds:.0f} seconds.",
                "Something that it asked hangs: look at the database, the disk and the network.",
            )
        )
    except Exception as error:  # one that fails must not keep the others from being heard
        log.debug("probe_failed", probe=name, exc_info=True)
        what = clean_text(str(error).partition("\n")[0])[:200]
        found.append(
            visit.subject.problem(
                f"{name}_failed",
                f"This could not be looked at: {type(error).__name__}: {what}",
                "With log_level = debug the log says where it failed.",
            )
        )
    return found


def _no_use(found: Sequence[Finding]) -> str:
    broken = {one.id for one in found if one.level == "problem"}
    if broken & {"database.reachable", "database.reachable_late", "database.reachable_failed"}:
        return "What the database would tell was not looked at."
    if "database.migrations" in broken:
        return "Most of what the database would tell was not looked at, for migrations are missing."
    return ""


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # a signal reaches the main thread alone
        return

    def overdue(_number: int, _frame: FrameType | None) -> None:
        raise OverdueError

    before = signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
