"""Make a deployment's secrets, each in a file of its own: ``python3 deploy/make_secrets.py FOLDER``.

Only what is not there yet is made, so it can be run again at any time. It needs nothing but Python. The site
reads such files by ``SECRET_KEY_FILE``, ``DATABASE_URL_FILE`` and so on; PostgreSQL and Redis have theirs.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

OURS, ANYBODYS = 0o440, 0o444
"""The folder keeps others out. The site's files are for a group; those of PostgreSQL and Redis for anybody to
whom they are given: in their containers these have numbers of their own."""


def keep(file: Path, text: str, mode: int = OURS, group: int = -1) -> str:
    """What the file says; ``text``, put there whole or not at all, where there is none. Raises OSError."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            output.write(text)
        os.chown(unfinished, -1, group)
        unfinished.chmod(mode)
        # unlike a rename it never takes the place of what is there
        os.link(unfinished, file)
    except FileExistsError:
        return file.read_text(encoding="utf-8")
    finally:
        unfinished.unlink()
    return text


def make_secrets(folder: Path, *, database: str, cache: str, group: int = -1) -> None:
    """Fill the folder. ``database`` and ``cache`` are host:port; empty: SQLite, and no cache is shared.
    ``group`` is the number of a group that may read the site's files; -1: whoever makes them.

    ``email_url`` is made empty: only the operator knows the mail server. Raises OSError.
    """

    def ours(name: str, text: str) -> None:
        keep(folder / name, text, OURS, group)

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours("secret_key", secrets.token_urlsafe(50))
    ours("metrics_token", secrets.token_urlsafe(32))
    ours("email_url", "")
    if database:
        password = keep(folder / "postgres_password", secrets.token_urlsafe(32), ANYBODYS).strip()
        ours("database_url", f"postgres://gateway:{password}@{database}/gateway")
    else:
        ours("database_url", "")
    if cache:
        password = keep(folder / "redis_password", secrets.token_urlsafe(32), OURS, group).strip()
        # who has no password may ask whether it lives, and nothing else
        users = f"user default on nopass -@all +ping\nuser gateway on >{password} ~* &* +@all -@dangerous\n"
        keep(folder / "redis.acl", users, ANYBODYS)
        ours("cache_url", f"redis://gateway:{password}@{cache}/0")
    else:
        ours("cache_url", "")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database", default="", metavar="HOST:PORT", help="PostgreSQL; without it: SQLite")
    parser.add_argument("--cache", default="", metavar="HOST:PORT", help="Redis; without it: none")
    parser.add_argument(
        "--group", type=int, default=-1, metavar="NUMBER", help="who may read the site's files"
    )
    options = parser.parse_args(words)
    try:
        make_secrets(options.folder, database=options.database, cache=options.cache, group=options.group)
    except OSError as error:
        sys.exit(f"{options.folder}: {error.strerror or error}")
    made = ", ".join(sorted(path.name for path in options.folder.iterdir() if not path.name.startswith(".")))
    sys.stdout.write(f"{options.folder} has {made}.\n")


if __name__ == "__main__":
    main()
