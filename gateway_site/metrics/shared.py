"""Processes that count together: each writes files of its own in one folder, whoever is asked adds them up.

The folder is PROMETHEUS_MULTIPROC_DIR, else ``var/metrics``. The web's processes and the two that run with
``--watch`` take part, on one machine or in containers that share the folder; a command that runs once counts
for itself alone. A process holds a lock for as long as it lives. The files of one that has ended are added to
those of all that have ended, so no figure ever falls and no file is left over. Knows no Django.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from prometheus_client import values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
DEFAULT = Path(__file__).resolve().parents[2] / "var" / "metrics"
ENDED = "ended"
ADDED_UP = ("counter", "histogram", "summary")
TORN = (RuntimeError, struct.error, UnicodeDecodeError, ValueError)
"""What reading a file raises that a power cut left half written, or that is made at this instant."""


class _Process:
    """The name under which this process counts, and the lock that says that it lives."""

    def __init__(self) -> None:
        self.pid = 0
        self.name = ""
        self._alive: IO[bytes] | None = None

    def identity(self) -> str:
        """A name that no other process has; another one after a fork."""
        if self.pid != os.getpid():
            folder = Path(os.environ[VARIABLE])
            name = f"{os.getpid()}-{secrets.token_hex(4)}"
            with _locked(folder):
                self._alive = (folder / f"{name}.alive").open("wb")
                fcntl.flock(self._alive, fcntl.LOCK_EX)
            self.pid, self.name = os.getpid(), name
        return self.name


_this = _Process()


def takes_part() -> bool:
    """Whether this process is one of those that run on: it serves the site, or watches."""
    return "gateway_site.wsgi" in sys.modules or "--watch" in sys.argv


def wanted_folder() -> Path | None:
    """Where the processes count; None where an empty PROMETHEUS_MULTIPROC_DIR has turned that off."""
    named = os.environ.get(VARIABLE)
    if named is None:
        return DEFAULT
    return Path(named) if named.strip() else None


def begin() -> Path | None:
    """Let this process count with the others, if it takes part; must come before any metric is made.

    None where it counts for itself: it does not take part, or the folder cannot be written.
    """
    folder = wanted_folder() if takes_part() else None
    if folder is not None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.environ[VARIABLE] = str(folder)
            sweep(folder)
            values.ValueClass = values.MultiProcessValue(_this.identity)
        except OSError:
            folder = None
    if folder is None:
        values.ValueClass = values.MutexValue
    return folder


def sweep(folder: Path) -> None:
    """Add what ended processes counted to what all of them did, and take their files away."""
    with _locked(folder):
        _sweep(folder)


def collect(folder: Path) -> list[Metric]:
    """The figures of all processes together, at this instant."""
    with _locked(folder):
        _sweep(folder)
        for _try in range(3):
            with suppress(*TORN):
                return list(MultiProcessCollector(None, str(folder)).collect())
    return []


def _sweep(folder: Path) -> None:
    living = {name for name in (file.stem for file in folder.glob("*.alive")) if _lives(folder, name)}
    for file in folder.glob("*.db"):
        kind, _, owner = file.stem.partition("_")
        owner = owner.rpartition("_")[2]  # a gauge's mode stands before it
        if owner != ENDED and owner not in living:
            if kind in ADDED_UP:
                _add(file, folder / f"{kind}_{ENDED}.db")
            file.unlink(missing_ok=True)
    for file in folder.glob("*.alive"):
        if file.stem not in living:
            file.unlink(missing_ok=True)


def _lives(folder: Path, name: str) -> bool:
    if name == _this.name:  # a lock of one's own is no obstacle
        return True
    try:
        with (folder / f"{name}.alive").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _add(file: Path, sums: Path) -> None:
    with suppress(*TORN):
        kept = MmapedDict(str(sums))
        try:
            for key, value, _at, _place in MmapedDict.read_all_values_from_file(str(file)):
                kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
        finally:
            kept.close()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One at a time, of all processes and threads."""
    with (folder / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
