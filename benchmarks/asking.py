"""Many requests at once, asked by ``wrk``, in rounds that alternate between what is compared."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rows import Figure
from benchmarks.serving import Server

WARM_UP = 1  # second
HAS_WRK = shutil.which("wrk") is not None


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of a server. A POST records one entry each time."""

    server: Server
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.server.address}{self.path}"

    def look(self, expected: str) -> None:
        """Raises AssertionError unless a GET answers with a page that says this: wrk looks at no redirect."""
        asked = urllib.request.Request(self.url, headers=dict(self.headers))  # noqa: S310 - our own
        with urllib.request.build_opener(_NoRedirect).open(asked, timeout=30) as answer:
            assert answer.status == 200, (self.url, answer.status)
            assert answer.headers["Content-Encoding"] or expected in answer.read().decode(), self.url


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to: requests a second, latencies and processor time a request in milliseconds."""

    rate: float
    p50: float
    p99: float
    processor: float
    failed: float

    def figures(self, name: str = "") -> tuple[Figure, ...]:
        return (
            Figure(name, self.rate, "/s"),
            Figure(f"{name} p50".strip(), self.p50, "ms"),
            Figure(f"{name} p99".strip(), self.p99, "ms"),
            Figure(f"{name} processor".strip(), self.processor, "ms"),
        )


def ask(target: Target, connections: int, seconds: float) -> Round:
    """wrk's figures."""
    before = target.server.processor_seconds()
    headers = [word for pair in target.headers.items() for word in pair]
    ended = subprocess.run(  # noqa: S603 - wrk, with our own words
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds:.0f}s", "--timeout", "30s"),
            *("--script", str(Path(__file__).with_name("ask.lua")), target.url),
            *("--", str(uuid.uuid4().int % 2**31), target.method, *headers),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(ended.stdout.splitlines()[-1])
    # who still waited at the end is served all the same, and would disturb the next round
    target.server.rest()
    used = target.server.processor_seconds() - before
    served = told["answered"] + connections
    return Round(
        told["answered"] / told["seconds"], told["p50"], told["p99"], used / served * 1000, told["failed"]
    )


def compare(targets: dict[str, Target], connections: int, rounds: int, seconds: float) -> dict[str, Round]:
    """The medians of each target's rounds; of what failed, the sum."""
    for target in targets.values():
        ask(target, connections, WARM_UP)
    done: dict[str, list[Round]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            done[name].append(ask(target, connections, seconds))
    return {
        name: Round(
            *(statistics.median(getattr(one, part) for one in all_) for part in Round.__slots__[:-1]),
            failed=sum(one.failed for one in all_),
        )
        for name, all_ in done.items()
    }


def troubles(figures: Mapping[str, Round]) -> tuple[str, ...]:
    """That requests failed, which must not be."""
    return tuple(f"{name}: {one.failed:.0f} requests failed" for name, one in figures.items() if one.failed)
