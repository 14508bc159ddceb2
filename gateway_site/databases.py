"""What a connection to the database brings, beside what DATABASE_URL says of it.

A web process answers within seconds or not at all, so it lets no statement, no wait for a lock and no
forgotten transaction go on for longer. Commands and workers do what takes long (migrating, verifying,
reconciling, writing evidence): they have none of these limits, only those by which a server that has gone
away is noticed.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

WEB = "GATEWAY_WEB"
"""The variable by which ``gateway_site.wsgi`` says that this process answers requests."""

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
SQLITE_OPTIONS = {
    # a writer waits its turn instead of failing at the first write after a read
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    # FULL: what is committed is on the disk
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
# seconds: a server that is not there, or whose machine is gone, is noticed within a minute instead of hours
NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
# milliseconds, each for a statement, for a wait, and for a transaction in which nothing happens
WEB_LIMITS = {
    "statement_timeout": 30_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 60_000,
}


def completed(parsed: dict[str, Any], variables: MutableMapping[str, str]) -> dict[str, Any]:
    """Django's settings of a database, with all that the URL leaves open. What it says itself, counts."""
    # kept open between a thread's requests: opening one costs more than most queries
    settings = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True} | parsed
    if settings["ENGINE"] == SQLITE:
        settings["OPTIONS"] = dict(SQLITE_OPTIONS)
    if settings["ENGINE"] == POSTGRESQL:
        settings["OPTIONS"] = _of_postgresql(parsed.get("OPTIONS", {}), is_web=bool(variables.get(WEB)))
    return settings


def _of_postgresql(given: dict[str, Any], *, is_web: bool) -> dict[str, Any]:
    options = NETWORK | given
    if is_web:
        ours = " ".join(f"-c {name}={value}" for name, value in WEB_LIMITS.items())
        # the server takes the last that is said of one thing
        options["options"] = f"{ours} {given.get('options', '')}".strip()
    return options
