"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
UNKNOWN = "unknown"


def describe(postgres_url: str = "") -> dict[str, str]:
    """The machine and the versions that matter, each in words."""
    return {
        "processor": _first_in("/proc/cpuinfo", r"^model name\s*:\s*(.+)$")
        or platform.processor()
        or UNKNOWN,
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": postgres_version(postgres_url) if postgres_url else "not run",
        "Django": version("django"),
        "gunicorn": version("gunicorn"),
    }


def postgres_version(url: str) -> str:
    """The server's version, and what makes its figures another thing where it is not as it comes."""
    import psycopg

    with psycopg.connect(url) as connection:

        def shown(setting: str) -> str:
            row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            return str(row[0]) if row else UNKNOWN

        words = shown("server_version").split()[0]
        off = [name for name in ("fsync", "synchronous_commit", "autovacuum") if shown(name) == "off"]
    return words + (f" ({', '.join(f'{name}=off' for name in off)})" if off else "")


def commit() -> str:
    """The commit that was measured; with ``+`` where files were changed since."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN


def load_average() -> float:
    """How many processes wanted a processor over the last minute, ours among them."""
    return os.getloadavg()[0]


def _git(*words: str) -> str:
    return subprocess.run(  # noqa: S603 - our own words
        ["git", *words],  # noqa: S607
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout.strip()


def _first_in(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:  # not Linux
        return ""
    return found[1].strip() if found else ""
