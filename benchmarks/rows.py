"""What a benchmark tells: rows, each a ratio against a named baseline; what is required; their table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from tabulate import tabulate

RATIO = "ratio"


class Figure(NamedTuple):
    """Something that was measured: ``Figure("p99", 104.2, "ms")``. The row's own figure has no name."""

    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        unit = self.unit if self.unit.startswith("/") or not self.unit else f" {self.unit}"
        return f"{self.name} {shortly(self.value)}{unit}".strip()


class Limit(NamedTuple):
    """What is required of the ratio, or of the figure of this name: at least, or at most, so much."""

    of: str
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        return bound if self.of == RATIO else f"{self.of} {bound}"

    def holds(self, value: float) -> bool:
        return not (self.least is not None and value < self.least) and not (
            self.most is not None and value > self.most
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. ``ratio``: ours to the baseline's, both measured in the same run.

    ``troubles`` make it a failure whatever the figures are; ``note`` is said and changes nothing.
    ``database`` is empty where none was asked.
    """

    what: str
    baseline: str
    ratio: float
    database: str = ""
    figures: tuple[Figure, ...] = ()
    limits: tuple[Limit, ...] = ()
    troubles: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def from_document(cls, told: dict[str, Any]) -> Row:
        """The row that ``document`` made a dictionary of, once it was JSON."""
        return cls(
            **told
            | {
                "figures": tuple(Figure(*one) for one in told["figures"]),
                "limits": tuple(Limit(*one) for one in told["limits"]),
                "troubles": tuple(told["troubles"]),
            }
        )

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def missed(self) -> tuple[str, ...]:
        """What is required and does not hold, in words."""
        values = {figure.name: figure.value for figure in self.figures} | {RATIO: self.ratio}
        # a figure that is required and not there is a mistake of the benchmark: let it fail
        return self.troubles + tuple(str(limit) for limit in self.limits if not limit.holds(values[limit.of]))

    @property
    def required(self) -> str:
        return ", ".join(map(str, self.limits))

    @property
    def verdict(self) -> str:
        if self.missed:
            return f"MISSED: {'; '.join(self.missed)}"
        return "; ".join(filter(None, ("ok" if self.limits else "", self.note)))


def shortly(value: float) -> str:
    """As many digits as mean something: 6,912; 56.3; 0.23."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def table(rows: Sequence[Row]) -> str:
    """All of them, aligned, for a terminal."""
    cells = [
        [
            row.what,
            row.baseline,
            row.database,
            f"{row.ratio:.2f}",
            row.required,
            row.verdict,
            ", ".join(map(str, row.figures)),
        ]
        for row in rows
    ]
    headers = ["", "against", "database", "ratio", "required", "verdict", "figures"]
    return tabulate(cells, headers, disable_numparse=True, colalign=["left"] * 3 + ["right"] + ["left"] * 3)


def document_table(rows: Sequence[Row]) -> str:
    """The same in Markdown: the databases beside each other. What was missed is said in bold."""
    databases = sorted({row.database for row in rows} - {""}, key=lambda name: name != "SQLite")
    lines: dict[tuple[str, str], dict[str, str]] = {}
    required: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        cell = f"{row.ratio:.2f}" if not row.missed else f"**{row.ratio:.2f}, {row.verdict}**"
        if row.figures:
            cell += f" ({', '.join(map(str, row.figures))})"
        lines.setdefault((row.what, row.baseline), {})[row.database] = cell
        required.setdefault((row.what, row.baseline), {})[row.database] = row.required
    cells = [
        [
            *key,
            _of_all(required[key]),
            *(of_database.get(name) or of_database.get("", "") for name in databases),
        ]
        for key, of_database in lines.items()
    ]
    headers = ["", "against", "required", *databases]
    # no padding: a change of one figure is a change of one line
    head = [" | ".join(headers), " | ".join(["---"] * len(headers))]
    return "\n".join(f"| {line} |" for line in [*head, *(" | ".join(row) for row in cells)])


def _of_all(required: dict[str, str]) -> str:
    """What is required, said once where it is the same on every database."""
    if len(set(required.values())) == 1:
        return next(iter(required.values()))
    return "; ".join(f"{database} {words}" for database, words in required.items())


def all_hold(rows: Iterable[Row]) -> bool:
    return not any(row.missed for row in rows)
