"""New databases for benchmarks, of either kind, gone at the end; and Django started on one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

REPOSITORY = Path(__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:1"
"""The Exchange of a benchmark that asks none."""


def start_django(base_url: str = NOWHERE) -> None:
    """Django with the test settings, no log lines below ERROR, and this Exchange."""
    import dataclasses

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.test_settings")

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


@dataclass
class Place:
    """One kind of database in this run: where new ones are made, and the ledgers that are there already."""

    title: str
    start_url: str
    """What Django starts with, before it goes on with one of the new ones."""
    folder: Path
    ledgers: dict[int, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @property
    def is_sqlite(self) -> bool:
        return self.title == "SQLite"

    def new(self) -> str:
        """The name of a new, empty database."""
        number = len(self.made)
        if self.is_sqlite:
            self.made.append(str(self.folder / f"{number}.sqlite3"))
        else:
            import psycopg

            name = f"bench_{os.getpid()}_{number}"
            with psycopg.connect(self.start_url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
            self.made.append(name)
        return self.made[-1]

    def url(self, database: str) -> str:
        """The DATABASE_URL of a site on this database."""
        if self.is_sqlite:
            return f"sqlite:///{database}"
        return urlunsplit(urlsplit(self.start_url)._replace(path=f"/{database}"))

    def ledger(self, entries: int) -> str:
        """A database with a ledger so long, filled once in a run. Who records into it comes last."""
        if entries not in self.ledgers:
            database = self.new()
            self.run("benchmarks.fill", database, str(entries))
            self.ledgers[entries] = database
        return self.ledgers[entries]

    def run(self, module: str, *words: str) -> Any:
        """What this module says, as JSON, when it is run with these words in a process of its own."""
        ended = subprocess.run(  # noqa: S603 - our own interpreter and a module of ours
            [sys.executable, "-m", module, *words],
            cwd=REPOSITORY,
            env=os.environ | {"TEST_DATABASE_URL": self.start_url},
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(ended.stdout) if ended.stdout else {}


@contextmanager
def sqlite() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        yield Place("SQLite", f"sqlite:///{folder}/start.sqlite3", Path(folder))


@contextmanager
def postgres(url: str) -> Iterator[Place]:
    """On the cluster of this URL, whose role may create databases."""
    import psycopg

    with tempfile.TemporaryDirectory() as folder:
        place = Place("PostgreSQL", url, Path(folder))
        try:
            yield place
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                for name in place.made:
                    connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]
