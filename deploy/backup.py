"""Back the database up while the site runs: ``python deploy/backup.py FOLDER [--keep 14]``.

Which database: DATABASE_URL or DATABASE_URL_FILE, as for the site. SQLite is copied by ``VACUUM INTO``,
PostgreSQL by ``pg_dump``; both are of one instant and stop nobody. A copy gets its name only when it is
whole and could be read. The head log is copied beside it: the newest alone, because a restored database is
recognised by a head log that knows more than it does (docs/deploy.md). It needs nothing but Python.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "host": "PGHOST", "port": "PGPORT"}
DEFAULT_HEAD_LOG = "var/heads.jsonl"


class CannotBackUp(RuntimeError):  # noqa: N818 - said of the database
    """A sentence for the operator."""


def database_url(variables: Mapping[str, str]) -> str:
    """Raises CannotBackUp where there is none: which file a site without one uses, only it knows."""
    url = variables.get("DATABASE_URL", "")
    if not url and (file := variables.get("DATABASE_URL_FILE")):
        url = Path(file).read_text(encoding="utf-8").strip()
    if not url:
        raise CannotBackUp("DATABASE_URL (or DATABASE_URL_FILE) is not set.")
    return url


def back_up(url: str, folder: Path, now: datetime) -> Path:
    """The file that was written. Raises CannotBackUp."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts = urlsplit(url)
    kind = {"sqlite": "sqlite3", "postgres": "dump", "postgresql": "dump"}.get(parts.scheme)
    if kind is None:
        # the value is not quoted: it may hold a password
        raise CannotBackUp("DATABASE_URL must begin with sqlite:/// or postgres://.")
    file = folder / f"gateway-{now:%Y%m%dT%H%M%SZ}.{kind}"
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    before = os.umask(0o077)
    try:
        if kind == "sqlite3":
            # sqlite:////srv/x is the file /srv/x, sqlite:///x is x in this folder
            _copy_sqlite(Path(unquote(parts.path[1:])), unfinished)
        else:
            _dump_postgres(postgres_environment(url), unfinished)
        unfinished.replace(file)
    finally:
        os.umask(before)
        unfinished.unlink(missing_ok=True)
    return file


def postgres_environment(url: str) -> dict[str, str]:
    """What libpq reads: not on the command line, where everybody on the machine could read the password."""
    parts = urlsplit(url)
    given = {
        "PGHOST": unquote(parts.hostname or ""),
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path[1:]),
    }
    given |= {OPTIONS[name]: value for name, value in parse_qsl(parts.query) if name in OPTIONS}
    return {name: value for name, value in given.items() if value}


def copy_head_log(head_log: Path, folder: Path) -> None:
    """The head log and its ``.claims``, as they are now, in the place of the copies before."""
    for source in (head_log, head_log.with_name(f"{head_log.name}.claims")):
        if source.is_file():
            unfinished = folder / f".{source.name}.unfinished"
            shutil.copyfile(source, unfinished)
            unfinished.chmod(0o600)
            unfinished.replace(folder / source.name)


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove the oldest copies beyond so many; which those were."""
    copies = sorted([*folder.glob("gateway-*.sqlite3"), *folder.glob("gateway-*.dump")], key=lambda c: c.name)
    too_many = copies[:-keep] if keep else []
    for copy in too_many:
        copy.unlink()
    return too_many


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise CannotBackUp(f"{source} is not there.")
    try:
        with contextlib.closing(sqlite3.connect(source, timeout=30)) as database:
            database.execute("VACUUM INTO ?", [str(target)])
        with contextlib.closing(sqlite3.connect(target)) as copy:
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        raise CannotBackUp(f"{source}: {error}") from error
    if found != "ok":
        raise CannotBackUp(f"The copy of {source} does not hold: {found}")


def _dump_postgres(environment: Mapping[str, str], target: Path) -> None:
    for words in (
        ["pg_dump", "--format=custom", "--no-password", f"--file={target}"],
        # reads its table of contents: a dump that was cut off has none
        ["pg_restore", "--list", f"--file={os.devnull}", str(target)],
    ):
        try:
            subprocess.run(words, env=os.environ | environment, check=True, stderr=subprocess.PIPE, text=True)  # noqa: S603
        except FileNotFoundError:
            raise CannotBackUp(
                f"{words[0]} is not installed (Debian's package is postgresql-client)."
            ) from None
        except subprocess.CalledProcessError as error:
            raise CannotBackUp(f"{words[0]} failed: {error.stderr.strip()}") from None


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="copies that stay; 0: all of them")
    options = parser.parse_args(words)
    try:
        file = back_up(database_url(os.environ), options.folder, datetime.now(UTC))
        copy_head_log(Path(os.environ.get("TOKLIGENCE_HEAD_LOG") or DEFAULT_HEAD_LOG), options.folder)
        gone = prune(options.folder, max(options.keep, 0))
    except (CannotBackUp, OSError) as error:
        sys.exit(f"Nothing was backed up: {error}")
    sys.stdout.write(
        f"{file} ({file.stat().st_size:,} bytes)\n" + "".join(f"removed {old}\n" for old in gone)
    )


if __name__ == "__main__":
    main()
