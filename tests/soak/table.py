"""The summary, for somebody who has not read the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.soak.findings import Findings

WIDTH = 30
MOST_WRONG = 25
FORGIVEN = (
    "5xx and no answer in flight at a SIGKILL, until a second after; no answer at a SIGHUP; nothing else"
)
EXPECTED = "errors: one for each web worker that was killed by us, none else"
MEAN = (
    ("last third", "rss", "last_third_mb"),
    ("own, last third", "uss", "last_third_mb"),
    ("most", "rss", "most_mb"),
)
GROWTH = (
    ("first third", "rss", "first_third_mb"),
    ("MB/hour", "rss", "growth_mb_an_hour"),
    ("own, MB/hour", "uss", "growth_mb_an_hour"),
)
"""Title, kind of memory (resident, or the process's own) and figure."""


def summary(findings: Findings) -> str:
    """Every figure with its name, what is wrong, and the verdict."""
    lines = [f"{name:<{WIDTH}}{text}" for name, text in _rows(findings.figures)]
    lines += ["", *_memory(findings.figures.get("memory", {}), findings)]
    for sentence in findings.wrong[:MOST_WRONG]:
        lines.append(f"WRONG: {sentence}")
    if len(findings.wrong) > MOST_WRONG:
        lines.append(f"and {len(findings.wrong) - MOST_WRONG} more; --report has them all")
    verdict = f"FAILED: {len(findings.wrong)} things are wrong" if findings.wrong else "PASSED"
    return "\n".join([*lines, "", f"{verdict} (seed {findings.options.seed})"])


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    rate, requests, pages = figures["rate"], figures["requests"], figures["pages"]
    kind = "steady, no faults and no restarts" if figures["steady"] else "with faults and restarts"
    yield "duration", f"{figures['minutes']:g} minutes on {figures['database']}, {kind}"
    top = f", top rate {rate['top']:.1f}/s" if rate["top"] else ""
    yield "rate", f"{rate['asked']:.1f}/s asked, {rate['reached']:.1f}/s reached{top}"
    yield "requests to record", _latency(requests)
    again = f"{requests['sent_again']:,} were; of the others p99 {requests['undisturbed_p99_ms']:,.0f} ms"
    yield "  sent again", again
    for name, statuses in requests["statuses"].items():
        yield f"  {name}", _pairs(statuses)
    yield "pages looked at", _latency(pages)
    totals: dict[str, int] = {}
    for statuses in pages["statuses"].values():
        for status, number in statuses.items():
            totals[status] = totals.get(status, 0) + number
    yield "  by status", _pairs(totals)
    for name, reasons in figures["doubts"].items():
        yield f"5xx or no answer, {name}", _pairs(reasons) or "none"
    yield "  forgiven are", FORGIVEN
    yield "restarts and kills", _pairs(figures["restarts"]) or "none"
    yield "faults of the Exchange", _pairs(figures["faults"]) or "none"
    yield "entries", _pairs(figures["entries"])
    yield "waited at end of load", f"{figures['backlog_at_the_end_of_load']:,}"
    yield "all delivered after", f"{figures['delivered_after_s']:,} s more"
    yield "promises, books", _pairs(figures["books"])
    yield "verify_ledger", _pairs(figures["verify_ledger"])
    yield "reconcile", f"{figures['reconcile']['status']}: {_pairs(figures['reconcile']['lines'] or {})}"
    yield "exit codes at SIGTERM", _pairs(figures["exit_codes"])
    yield "log lines by level", f"{_pairs(figures['log_lines'])} ({EXPECTED})"


def _memory(memory: dict[str, Any], findings: Findings) -> Iterator[str]:
    if not memory.get("rss"):
        yield "memory: watched too briefly"
        return
    judged = any(one["judged"] for one in memory["rss"].values())
    said = "judged" if judged else "not judged: a steady run of half an hour and more says if it is flat"
    yield f"memory, MB after the warm-up ({said})"
    # of processes that were restarted all the while, growth says nothing
    columns = (*MEAN, *GROWTH) if findings.figures["steady"] else MEAN
    yield f"  {'process':<16}" + "".join(f"{title:>17}" for title, _kind, _name in columns)
    for name in sorted(memory["rss"]):
        cells = [memory[kind][name][figure] for _title, kind, figure in columns]
        yield f"  {name:<16}" + "".join(f"{cell:>17,.1f}" for cell in cells)
    yield ""


def _latency(one: dict[str, Any]) -> str:
    return f"{one['answered']:,}; p50 {one['p50_ms']:,.0f} ms, p99 {one['p99_ms']:,.0f} ms"


def _pairs(found: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {number:,}"
        if isinstance(number, int) and not isinstance(number, bool)
        else f"{name} {number}"
        for name, number in found.items()
    )
