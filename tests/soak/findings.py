"""What a soak has found: figures for the table, and sentences for what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.soak import logs
from tests.soak.judging import Disruption, Doubt, explanation, percentile, warm_up_of
from tests.soak.load import Load
from tests.soak.memory import Memory
from tests.soak.options import Options
from tests.soak.person import Person
from tests.soak.phases import Phases
from tests.soak.restarts import Restarter

JUDGED = ("rss", "uss")
LEAST_REACHED = 0.9
"""Of the rate that was asked for; in a run so long that its restarts take no large part of it."""
LONG = 10 * 60.0
MOST = 30


class Findings:
    """``figures`` is for the table and the report; ``wrong`` is empty where all is well."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.figures: dict[str, Any] = {
            "minutes": options.seconds / 60,
            "database": "SQLite" if options.database == "sqlite" else "PostgreSQL",
            "steady": options.steady,
            "seed": options.seed,
            "connections": options.connections,
            "deliverers": options.deliverers,
        }
        self.wrong: list[str] = []
        self.memory = Memory()
        self._entries = 0

    def note_measuring(self, load: Load) -> None:
        """The clients that measured are judged as the others: nothing was killed then."""
        self._judge("measuring", load.doubts, [], load.wrong)
        self._entries += load.entries

    def note_rate(self, *, asked: float, measured: float) -> None:
        self.figures["rate"] = {"asked": round(asked, 2), "top": round(measured, 2)}

    def note_load(
        self, load: Load, person: Person, restarter: Restarter, phases: Phases, memory: Memory
    ) -> None:
        self._entries += load.entries
        latencies, undisturbed = sorted(load.latencies), sorted(load.undisturbed)
        pages = sorted(person.latencies)
        self.figures["rate"]["reached"] = round(load.reached, 2)
        self.figures["requests"] = {
            "answered": load.done,
            "p50_ms": round(percentile(latencies, 0.5) * 1000, 1),
            "p99_ms": round(percentile(latencies, 0.99) * 1000, 1),
            "max_ms": round(latencies[-1] * 1000, 1) if latencies else 0,
            "sent_again": len(latencies) - len(undisturbed),
            "undisturbed_p99_ms": round(percentile(undisturbed, 0.99) * 1000, 1),
            "statuses": _by_kind(load.statuses),
        }
        self.figures["pages"] = {
            "answered": len(pages),
            "p50_ms": round(percentile(pages, 0.5) * 1000, 1),
            "p99_ms": round(percentile(pages, 0.99) * 1000, 1),
            "statuses": _by_kind(person.statuses),
        }
        self.figures["restarts"] = dict(sorted(restarter.counts.items()))
        self.figures["faults"] = dict(phases.seen)
        self.wrong += restarter.wrong[:MOST]
        self._judge("recording", load.doubts, restarter.disruptions, load.wrong)
        self._judge("pages", person.doubts, restarter.disruptions, person.wrong)
        if self.options.seconds >= LONG and load.reached < LEAST_REACHED * self.figures["rate"]["asked"]:
            self.wrong.append(f"only {load.reached:.1f} requests a second were answered")
        self._note_memory(memory)

    def note_backlog(self, queue: Mapping[str, int]) -> None:
        self.figures["backlog_at_the_end_of_load"] = max(queue["pending"] + queue["sending"], 0)

    def note_delivery(self, queue: Mapping[str, int], seconds: float) -> None:
        self.figures["delivered_after_s"] = round(seconds, 1)
        left = {state: number for state, number in queue.items() if number}
        if left:
            self.wrong.append(f"not delivered after {seconds:.0f} s with a well Exchange: {left}")

    def note_exit(self, name: str, code: int | str) -> None:
        self.figures.setdefault("exit_codes", {})[name] = code
        if code != 0:
            self.wrong.append(f"{name} ended with {code} after SIGTERM")

    def note_books(self, verified: Any, reconciled: Any, books: dict[str, Any]) -> None:
        self.figures["entries"] = {
            "promised": self._entries,
            "in the ledger": books["entries"],
            **books["states"],
        }
        self.figures["verify_ledger"] = {
            "ok": verified.get("ok"),
            "entries": verified.get("entries"),
            "unanchored_since": verified.get("unanchored_since"),
        }
        self.figures["reconcile"] = {"status": reconciled.get("status"), "lines": reconciled.get("lines")}
        self.figures["books"] = books["counts"]
        if verified.get("ok") is not True or verified.get("unanchored_since") is not None:
            self.wrong.append(f"verify_ledger: {str(verified)[:2000]}")
        if reconciled.get("status") != "clean":
            self.wrong.append(f"reconcile: {str(reconciled)[:2000]}")
        for name, examples in books["examples"].items():
            self.wrong.append(f"{books['counts'][name]:,} entries {name.replace('_', ' ')}: {examples}")
        if set(books["states"]) - {"delivered"}:
            self.wrong.append(f"not all delivered: {books['states']}")
        if books["entries"] != self._entries:
            self.wrong.append(f"{self._entries:,} entries were answered for, {books['entries']:,} are there")

    def note_logs(self, paths: Iterable[Path], killed: Collection[int]) -> None:
        complaints, levels = logs.complaints(paths, killed)
        self.figures["log_lines"] = dict(levels)
        self.wrong += complaints

    def _judge(self, what: str, doubts: list[Doubt], disruptions: list[Disruption], wrong: list[str]) -> None:
        reasons: Counter[str] = Counter()
        for doubt in doubts:
            reason = explanation(doubt, disruptions)
            of = "no answer" if doubt.status == 0 else str(doubt.status)
            reasons[f"{of}, {'explained by a ' + reason.kind if reason else 'UNEXPLAINED'}"] += 1
            if reason is None:
                self.wrong.append(
                    f"{doubt.what}: {of} after {doubt.ended - doubt.since:.2f} s. {doubt.error}"
                )
        self.figures.setdefault("doubts", {})[what] = dict(reasons)
        self.wrong += wrong

    def _note_memory(self, memory: Memory) -> None:
        self.memory = memory
        warm_up = warm_up_of(self.options.seconds)
        self.figures["memory"] = {
            kind: {
                name: {
                    "first_third_mb": round(one.first, 1),
                    "last_third_mb": round(one.last, 1),
                    "most_mb": round(one.most, 1),
                    "growth_mb_an_hour": round(one.growth, 1),
                    "judged": one.judged and self.options.steady,
                }
                for name, one in memory.flatness(kind, warm_up).items()
            }
            for kind in ("rss", "pss", "uss")
        }
        if not self.options.steady:
            return
        for kind in JUDGED:
            for name, one in memory.flatness(kind, warm_up).items():
                if one.judged and not one.is_flat:
                    self.wrong.append(
                        f"memory of {name} ({kind}) grows by {one.growth:.1f} MB an hour, "
                        f"{one.first:.1f} to {one.last:.1f} MB"
                    )


def _by_kind(statuses: Counter[tuple[str, int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, status), number in sorted(statuses.items()):
        found.setdefault(kind, {})[str(status) if status else "no answer"] = number
    return found
