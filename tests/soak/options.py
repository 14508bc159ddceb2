"""What a soak is asked to do."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Times in seconds; ``rate`` in requests a second, None: half of what is measured."""

    seconds: float
    database: str
    steady: bool
    rate: float | None
    measure: float
    connections: int
    every: float
    kill_share: float
    deliverers: int
    patience: float
    seed: int
    report: Path | None
    folder: Path | None


def read(words: Sequence[str] | None = None) -> Options:
    """The options; ends the process with 2 and a sentence where they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Load, kills, faults, for long."
    )
    add = parser.add_argument
    add("--minutes", type=float, default=60.0, help="of load (%(default)s)")
    add(
        "--database",
        default="sqlite",
        help="sqlite, or the URL of a PostgreSQL cluster, in which a database is made and dropped",
    )
    add("--steady", action="store_true", help="no faults, no restarts: does memory stay flat?")
    add(
        "--rate",
        type=float,
        help="requests a second (default: half of the top rate, measured first)",
    )
    add("--measure", type=float, default=15.0, help="seconds for measuring the top rate (%(default)s)")
    add("--connections", type=int, default=16, help="of clients at work at once (%(default)s)")
    add("--every", type=float, default=60.0, help="seconds between two restarts of everything (%(default)s)")
    add("--kill-share", type=float, default=0.5, help="of the restarts by SIGKILL, 0 to 1 (%(default)s)")
    add("--deliverers", type=int, default=1, help="delivery workers (%(default)s)")
    add(
        "--patience",
        type=float,
        help="minutes for delivering the rest (10, and 2 for each of load)",
    )
    add("--seed", type=int, help="the dice of a former run, which it printed")
    add("--report", type=Path, help="write what was found as JSON to this file, too")
    add(
        "--folder",
        type=Path,
        help="keep databases, logs and mail here (default: a temporary one)",
    )
    told = parser.parse_args(words)
    if told.minutes <= 0 or told.every <= 0 or told.connections < 1 or told.deliverers < 1:
        parser.error("--minutes, --every, --connections and --deliverers must be more than 0")
    if not 0 <= told.kill_share <= 1:
        parser.error("--kill-share must be from 0 to 1")
    if told.rate is not None and told.rate <= 0:
        parser.error("--rate must be more than 0")
    if told.database != "sqlite" and not told.database.startswith(("postgres://", "postgresql://")):
        parser.error("--database must be sqlite or the URL of a PostgreSQL cluster")
    patience = 10 + 2 * told.minutes if told.patience is None else told.patience
    return Options(
        seconds=told.minutes * 60,
        database=told.database,
        steady=told.steady,
        rate=told.rate,
        measure=told.measure,
        connections=told.connections,
        every=told.every,
        kill_share=told.kill_share,
        deliverers=told.deliverers,
        patience=patience * 60,
        seed=secrets.randbits(32) if told.seed is None else told.seed,
        report=told.report,
        folder=told.folder,
    )
