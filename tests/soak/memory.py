"""Memory of processes, as the kernel counts it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.judging import Flatness, flatness

KINDS = ("rss", "pss", "uss")


def memory_of(pid: int) -> dict[str, float] | None:
    """In MB: resident; the same with what is shared counted by its share; what is the process's alone.

    None where the process has ended.
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    lines = [line.split() for line in text.splitlines()[1:]]
    sizes = {words[0].rstrip(":"): int(words[1]) / 1024 for words in lines}
    own = sizes.get("Private_Clean", 0.0) + sizes.get("Private_Dirty", 0.0)
    return {"rss": sizes["Rss"], "pss": sizes["Pss"], "uss": own} if "Rss" in sizes else None


@dataclass
class Memory:
    """What was sampled, by the process's name: (seconds, MB)."""

    samples: dict[str, dict[str, list[tuple[float, float]]]] = field(
        default_factory=lambda: defaultdict(lambda: {kind: [] for kind in KINDS})
    )

    def sample(self, pids: Mapping[str, int]) -> None:
        now = time.monotonic()
        for name, pid in pids.items():
            found = memory_of(pid)
            for kind, size in (found or {}).items():
                self.samples[name][kind].append((now, size))

    def flatness(self, kind: str, warm_up: float) -> dict[str, Flatness]:
        """Of every process that was seen often enough."""
        found = {name: flatness(kinds[kind], warm_up) for name, kinds in self.samples.items()}
        return {name: one for name, one in found.items() if one is not None}

    def document(self) -> dict[str, Any]:
        """Every sample, for whoever wants to draw it: [seconds since the first, MB]."""
        began = min((all_["rss"][0][0] for all_ in self.samples.values() if all_["rss"]), default=0.0)
        return {
            name: {
                kind: [[round(at - began, 1), round(size, 2)] for at, size in found]
                for kind, found in kinds.items()
            }
            for name, kinds in self.samples.items()
        }
