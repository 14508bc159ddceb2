"""What is forgiven, and what is flat: pure functions over what was seen.

Times are seconds of one monotonic clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

GRACE = 1.0
"""Seconds after a process was killed in which the kernel and the other end may still be busy with it."""
MOST_GROWTH = 10.0
"""MB an hour. A leak of 100 bytes for each of the requests of such an hour is more."""
MOST_SHARE = 0.04
"""By which the last third may be above the first."""
LEAST_JUDGED = 20 * 60.0
"""Seconds after the warm-up without which a line through memory means nothing."""


@dataclass(frozen=True, slots=True)
class Disruption:
    """Something that was done to the web server, from its first signal until it was there again.

    A ``kill`` is a SIGKILL of a worker, or of all of it; a ``reload`` lets old workers finish (SIGHUP).
    """

    kind: Literal["kill", "reload"]
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """An answer of 500 or more, or none at all (``status`` 0), with what was asked.

    ``since`` is when the request was sent; where no answer came over a connection that had been used before,
    it is when that connection had its last answer: it may have been dead for as long.
    """

    what: str
    status: int
    since: float
    ended: float
    error: str = ""


def explanation(doubt: Doubt, disruptions: Iterable[Disruption]) -> Disruption | None:
    """The disruption that explains it, if any does.

    A 5xx only by a kill within its time: the request was under way when a process was killed, or was sent
    while the server was away for it. No answer is explained by the same, and by a reload at which a
    connection that stays open between requests was closed. Nothing else is forgiven.
    """
    for one in disruptions:
        grace = GRACE if one.kind == "kill" else 0.0
        overlaps = doubt.since <= one.until + grace and doubt.ended >= one.at
        if overlaps and (one.kind == "kill" or doubt.status == 0):
            return one
    return None


@dataclass(frozen=True, slots=True)
class Flatness:
    """How a process's memory went: MB, MB an hour; ``judged`` is False where it was watched too briefly."""

    first: float
    last: float
    most: float
    growth: float
    judged: bool

    @property
    def is_flat(self) -> bool:
        """Less growth than ``MOST_GROWTH``, and a last third that is hardly above the first."""
        return self.growth <= MOST_GROWTH and self.last <= self.first * (1 + MOST_SHARE)


def flatness(samples: Sequence[tuple[float, float]], warm_up: float) -> Flatness | None:
    """A line through (seconds, MB) after the warm-up, and the first and last third's means; None: too few."""
    if not samples:
        return None
    began = samples[0][0]
    warm = [(at, size) for at, size in samples if at - began >= warm_up]
    if len(warm) < 6:
        return None
    third = len(warm) // 3
    sizes = [size for _at, size in warm]
    slope = statistics.linear_regression([at for at, _size in warm], sizes).slope
    return Flatness(
        first=statistics.fmean(sizes[:third]),
        last=statistics.fmean(sizes[-third:]),
        most=max(size for _at, size in samples),
        growth=slope * 3600,
        judged=warm[-1][0] - warm[0][0] >= LEAST_JUDGED,
    )


def warm_up_of(seconds: float) -> float:
    """How much of a run is warming up: a quarter of it, at most ten minutes."""
    return min(seconds / 4, 600.0)


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 where there are none."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(int(share * len(sorted_values)), len(sorted_values) - 1)]
