"""How large a run is: the figures of docs/benchmarks.md, or a check that takes minutes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How much data there is, how often it is measured, and for how many seconds a round asks a server."""

    entries: int
    short: int
    verified: int
    services: int
    batches: int
    rounds: int
    load_rounds: int
    seconds: float
    load_seconds: float


FULL = Size(
    entries=1_000_000,
    short=10_000,
    verified=200_000,
    services=50_000,
    batches=4,
    rounds=7,
    load_rounds=3,
    seconds=4,
    load_seconds=8,
)
QUICK = Size(
    entries=30_000,
    short=10_000,
    verified=20_000,
    services=12_500,
    batches=1,
    rounds=3,
    load_rounds=1,
    seconds=1,
    load_seconds=2,
)
