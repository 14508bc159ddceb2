"""How the Exchange misbehaves, one phase after the other; between two of them it is well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.soak.processes import Market

LONGEST = 60.0
SHORTEST = 3.0
FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"latency_ms": 1500},
    "errors": {"error_share": 0.5},
    "dropped connections": {"drop_before_share": 0.4},
    "lost answers": {"drop_after_share": 0.4},
    "rate limits": {"rate_limit_share": 0.6, "retry_after_s": 1},
    "malformed answers": {"malformed_share": 0.4},
    "all of it": {
        **dict.fromkeys(("error_share", "drop_before_share", "drop_after_share", "malformed_share"), 0.1),
        "rate_limit_share": 0.1,
        "latency_ms": 200,
    },
    "away": {},
}
SEQUENCE = [phase for name in FAULTS for phase in ("well", name)]


def seconds_of_a_phase(load_seconds: float) -> float:
    """So that every fault comes once at least; at most a minute of each."""
    return min(max(load_seconds / (len(SEQUENCE) + 1), SHORTEST), LONGEST)


@dataclass
class Phases:
    """Which phase it is: ``tick`` as often as one likes. ``seen`` counts those that were begun."""

    market: Market
    length: float
    seen: Counter[str] = field(default_factory=Counter)
    name: str = "well"

    def tick(self, elapsed: float) -> None:
        """Put in force what is due so many seconds after the beginning."""
        name = SEQUENCE[int(elapsed / self.length) % len(SEQUENCE)]
        if name == self.name:
            return
        self.name = name
        if name != "well":
            self.seen[name] += 1
        if name == "away":
            self.market.go()
            return
        self.be_well()
        if name != "well":
            self.market.process.control(**FAULTS[name])

    def be_well(self) -> None:
        self.market.come()
        self.market.process.behave()
