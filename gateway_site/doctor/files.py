"""Files and the clock: what is served, what is written, who can read it, and what time it is."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from gateway_site.doctor.findings import Finding, Subject, long, many
from usage.models import Chain

SUBJECT, CLOCK = Subject("Files"), Subject("Clock")
APART = timedelta(seconds=5)


def static_files() -> Iterator[Finding]:
    """Whether what the pages show was collected, all of it."""
    if settings.DEBUG or settings.STATIC_ROOT is None:
        return
    advice = "Run `python manage.py collectstatic --noinput`, and restart the web's processes."
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    try:
        collected = set(json.loads(manifest.read_text())["paths"])
    except (OSError, ValueError, LookupError):
        yield SUBJECT.problem("static", "Static files were not collected: pages have no style.", advice)
        return
    ours = {
        str(file.relative_to(folder))
        for folder in settings.STATICFILES_DIRS
        for file in Path(folder).rglob("*")
        if file.is_file() and not file.name.startswith(".")
    }
    if missing := sorted(ours - collected):
        yield SUBJECT.problem(
            "static",
            f"{many(len(missing), 'static file was', 'static files were')} not collected, "
            f"such as {missing[0]}.",
            advice,
        )
    else:
        yield SUBJECT.ok("static", f"{many(len(collected), 'static file')} collected.")


def private() -> Iterator[Finding]:
    """Whether logs and head log are for their owner's eyes."""
    for name, file in (("head log", settings.HEAD_LOG), ("log", settings.LOG_FILE)):
        try:
            mode = Path(file).stat().st_mode if file else 0
        except OSError:
            continue
        if mode & stat.S_IRWXO:
            yield SUBJECT.warning(
                "private", f"The {name} {file} can be read by everybody on this machine.", f"chmod o= {file}"
            )


def log_file() -> Iterator[Finding]:
    """Whether the log goes where it is told to."""
    file: str = settings.LOG_FILE
    if file and not os.access(file if Path(file).exists() else Path(file).parent, os.W_OK):
        yield SUBJECT.problem("log", f"The log {file} cannot be written.", "Give it to the site's user.")
    elif file:
        yield SUBJECT.ok("log", f"The log goes to stderr and {file}.")


def clock() -> Iterator[Finding]:
    """Whether this machine's time fits the ledger's and the database's."""
    now = timezone.now()
    newest = Chain.objects.aggregate(at=Max("recorded_at"))["at"]
    advice = "Let the machine keep its clock by NTP (timedatectl): entries carry its time for good."
    if newest is not None and newest - now > APART:
        yield CLOCK.problem(
            "ledger",
            f"The newest entry is {long(newest - now)} from the future: this clock went back.",
            advice,
        )
    elif (apart := abs(_time_of_the_database() - now)) > APART:
        yield CLOCK.warning(
            "database", f"The clocks of this machine and of the database are {long(apart)} apart.", advice
        )
    else:
        yield CLOCK.ok("ledger", "The clock fits the ledger and the database.")


def _time_of_the_database() -> datetime:
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
