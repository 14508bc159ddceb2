"""New databases for benchmarks, of either kind, gone at the end; and Django started on one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def start_django(base_url: str = "http://127.0.0.1:1") -> None:
    """Django with the test settings, no log lines below ERROR, and this Exchange."""
    import dataclasses

    import django
    import structlog
    from django.conf import settings

    django.setup()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.TOKLIGENCE = dataclasses.replace(settings.TOKLIGENCE, base_url=base_url)


def use(database: str) -> None:
    """Go on with the database of this name, as a process that was just started on it."""
    from django.core.cache import cache
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = database
    cache.clear()


def migrate(database: str) -> None:
    """Give the database of this name every table."""
    from django.core.management import call_command

    use(database)
    call_command("migrate", verbosity=0)


@contextmanager
def sqlite_databases() -> Iterator[tuple[str, str, str]]:
    """A URL for Django to start with, and the names of two new databases."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/start.sqlite3", f"{folder}/few.sqlite3", f"{folder}/many.sqlite3"


@contextmanager
def postgres_databases(url: str) -> Iterator[tuple[str, str, str]]:
    """The same on the cluster of this URL."""
    import psycopg

    names = f"bench_few_{os.getpid()}", f"bench_many_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        try:
            yield url, *names
        finally:
            for name in names:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def on_each(compare: Callable[[str, str, str, str], bool]) -> bool:
    """Run it on SQLite and, with ``TEST_POSTGRES_URL``, on PostgreSQL: given a title, a URL to start with and
    the names of two new databases. Whether it was content with all.
    """
    with sqlite_databases() as databases:
        good = compare("SQLite", *databases)
    if url := os.environ.get("TEST_POSTGRES_URL"):
        with postgres_databases(url) as databases:
            good = compare("PostgreSQL", *databases) and good
    return good


def in_a_process(file: str, start_url: str, *words: str) -> Any:
    """What this file says, as JSON, when it is run with these words in a process of its own."""
    ended = subprocess.run(  # noqa: S603 - our own interpreter and a file of ours
        [sys.executable, file, *words],
        env=os.environ | {"TEST_DATABASE_URL": start_url},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(ended.stdout) if ended.stdout else {}
