"""Connections to SQLite stay open between requests: never longer than the file that they were opened to.

An operator who puts a backup in the file's place would else be told for a while that entries are kept, while
they go into the file that was taken away.
"""

from __future__ import annotations

import os
from typing import Any

from django.core.signals import request_started
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

OPENED = "opened_file"


def install() -> None:
    connection_created.connect(_remember, dispatch_uid="open_files")
    request_started.connect(close_what_was_replaced, dispatch_uid="open_files")


def close_what_was_replaced(**_: Any) -> None:
    """Close each connection of this thread to a file that is no longer the one of that name."""
    for connection in connections.all(initialized_only=True):
        opened = vars(connection).get(OPENED)
        if opened is not None and connection.connection is not None and opened != _file_of(connection):
            connection.close()


def _remember(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        setattr(connection, OPENED, _file_of(connection))


def _file_of(connection: BaseDatabaseWrapper) -> tuple[int, int] | None:
    try:
        found = os.stat(connection.settings_dict["NAME"])  # noqa: PTH116 - a name, of a file or of none
    except OSError:
        return None
    return found.st_dev, found.st_ino
