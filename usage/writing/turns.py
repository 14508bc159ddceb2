"""Who records waits in line, instead of trying again and again: on SQLite, where one writes at a time.

SQLite's own waiting sleeps, up to a tenth of a second at a time, while nobody writes; and whoever wakes at
the right instant is next, however long others have waited. A lock on a file beside the database is given by
the system to the next in line, at once, and taken back from a process that dies. It decides only who comes
next: what keeps writers apart is the database's lock, for who takes no turn as well.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def turn() -> Iterator[None]:
    """Wait until it is this thread's turn to begin a transaction, and let the next one begin after it."""
    if connection.vendor != "sqlite":
        yield
        return
    # another file than the database's: closing that would take back SQLite's own locks
    place = os.open(f"{connection.settings_dict['NAME']}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)
