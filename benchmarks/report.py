"""The results of each benchmark's newest run, kept in a file, and their place in docs/benchmarks.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, document_table

BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of the results -->"


@dataclass(frozen=True, slots=True)
class Run:
    """One benchmark on one kind of database: when, on what code, with which load average before and after.

    Other work on the machine shows in these: a benchmark alone brings it to two or three at most.
    """

    bench: str
    database: str
    at: str
    commit: str
    load: tuple[float, float]
    seconds: float
    rows: tuple[Row, ...]

    @classmethod
    def from_document(cls, told: dict[str, Any]) -> Run:
        rows = tuple(Row.from_document(row) for row in told["rows"])
        return cls(**told | {"rows": rows, "load": tuple(told["load"])})

    def document(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "rows": [row.document() for row in self.rows]
        }


def keep(path: Path, machine: dict[str, str], runs: list[Run]) -> list[Run]:
    """Write these into the file, beside what it holds of others; all that it holds then.

    Runs of another machine are thrown out: a table is of one.
    """
    told = json.loads(path.read_text()) if path.exists() else {}
    same = told.get("machine", {}).keys() == machine.keys() and _of_machine(told["machine"]) == _of_machine(
        machine
    )
    kept = {(run.bench, run.database): run for run in map(Run.from_document, told["runs"])} if same else {}
    if same and machine["PostgreSQL"] == "not run":
        machine = machine | {"PostgreSQL": told["machine"]["PostgreSQL"]}
    kept |= {(run.bench, run.database): run for run in runs}
    path.parent.mkdir(parents=True, exist_ok=True)
    documents = [run.document() for run in kept.values()]
    path.write_text(json.dumps({"machine": machine, "runs": documents}, indent=1, ensure_ascii=False) + "\n")
    return list(kept.values())


def _of_machine(told: dict[str, str]) -> dict[str, str]:
    return {name: told[name] for name in told if name != "PostgreSQL"}


def markdown(machine: dict[str, str], runs: list[Run], order: list[str]) -> str:
    """What stands between the marks of docs/benchmarks.md."""
    ordered = sorted(runs, key=lambda run: order.index(run.bench))
    loads = [f"{load:.1f}" for load in sorted(load for run in runs for load in run.load)]
    said = [
        *(f"{name} {value}" for name, value in machine.items()),
        f"commit {', '.join(sorted({run.commit for run in runs}))}",
        f"measured {min(run.at for run in runs)[:10]}",
        f"load average {loads[0]} to {loads[-1]}",
    ]
    rows = [row for run in ordered for row in run.rows]
    return f"{'; '.join(said)}.\n\n{document_table(rows)}"


def write_between(text: str, results: str) -> str:
    """The document with these results. Raises ValueError where the marks are not there."""
    head, begin, rest = text.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The document needs {BEGIN} and, after it, {END}.")
    return f"{head}{BEGIN}\n{results}\n{END}{tail}"
