"""What the benchmarks make of their figures: verdicts, tables, what is kept and what the document shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import benchmarks.__main__ as runner
from benchmarks import machine, report
from benchmarks.report import BEGIN, END, Run
from benchmarks.rows import RATIO, Figure, Limit, Row, all_hold, document_table, shortly, table

FAST = Row("recording", "bare view", 0.26, "SQLite", (Figure("", 141.3, "/s"),), (Limit(RATIO, least=0.15),))
SLOW = replace(FAST, ratio=0.149)
ABOUT = {"processor": "fast", "cores": "2", "PostgreSQL": "15.1"}


def run_of(bench: str, *rows: Row, database: str = "SQLite") -> Run:
    return Run(bench, database, "2026-01-02T03:04:05+00:00", "abc1234", (0.5, 1.25), 3.5, rows)


@pytest.mark.parametrize(
    ("limit", "value", "holds"),
    [
        (Limit(RATIO, least=0.15), 0.15, True),
        (Limit(RATIO, least=0.15), 0.1499, False),
        (Limit(RATIO, most=1.5), 1.5, True),
        (Limit(RATIO, most=1.5), 1.501, False),
        (Limit("queries", most=0), 1, False),
    ],
)
def test_a_limit_holds_up_to_itself(limit: Limit, value: float, holds: bool) -> None:
    assert limit.holds(value) is holds


def test_a_missed_bound_is_named() -> None:
    assert FAST.verdict == "ok"
    assert SLOW.verdict == "MISSED: ≥ 0.15"
    assert all_hold([FAST, FAST])
    assert not all_hold([FAST, SLOW])


def test_a_limit_can_be_on_a_figure() -> None:
    row = replace(FAST, figures=(Figure("queries", 13, ""),), limits=(Limit("queries", most=12),))
    assert row.missed == ("queries ≤ 12",)


def test_a_limit_on_a_figure_that_was_not_measured_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        _ = replace(FAST, limits=(Limit("queries", most=12),)).missed


def test_requests_that_failed_are_a_failure_whatever_the_ratio_is() -> None:
    row = replace(FAST, troubles=("3 requests failed",))
    assert row.verdict == "MISSED: 3 requests failed"
    assert not all_hold([row])


def test_a_row_without_a_bound_says_nothing_of_one() -> None:
    row = replace(FAST, limits=())
    assert (row.required, row.verdict, row.missed) == ("", "", ())
    assert replace(FAST, note="short of 0.5").verdict == "ok; short of 0.5"


@pytest.mark.parametrize(
    ("value", "text"),
    [(6912.4, "6,912"), (56.34, "56.3"), (0.2345, "0.23"), (0, "0"), (16, "16"), (1.5, "1.50")],
)
def test_figures_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert shortly(value) == text


def test_the_table_is_one_and_aligned() -> None:
    lines = table([FAST, replace(SLOW, what="a longer name than that")]).splitlines()
    assert lines[0].split() == ["against", "database", "ratio", "required", "verdict", "figures"]
    assert lines[2].index("bare view") == lines[3].index("bare view")
    assert "0.26" in lines[2]
    assert "MISSED" in lines[3]


def test_the_document_has_the_databases_beside_each_other() -> None:
    lines = document_table([replace(SLOW, database="PostgreSQL"), FAST, replace(FAST, database="", what="x")])
    head, _rule, both, alone = lines.splitlines()
    assert head == "|  | against | required | SQLite | PostgreSQL |"
    assert both == ("| recording | bare view | ≥ 0.15 | 0.26 (141/s) | **0.15, MISSED: ≥ 0.15** (141/s) |")
    assert alone.count("0.26 (141/s)") == 2  # no database was asked: it is so with each


def test_other_bounds_on_another_database_stand_in_one_line() -> None:
    other = replace(FAST, database="PostgreSQL", limits=(Limit(RATIO, least=0.08),))
    (line,) = document_table([FAST, other]).splitlines()[2:]
    assert "| SQLite ≥ 0.15; PostgreSQL ≥ 0.08 |" in line


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "var" / "results.json"
    report.keep(path, ABOUT, [run_of("load", FAST), run_of("verify", FAST)])
    kept = report.keep(path, ABOUT, [run_of("load", SLOW)])
    assert {run.bench: run.rows for run in kept} == {"load": (SLOW,), "verify": (FAST,)}
    assert json.loads(path.read_text())["machine"] == ABOUT


def test_another_machines_results_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    report.keep(path, ABOUT, [run_of("verify", FAST)])
    kept = report.keep(path, ABOUT | {"cores": "64"}, [run_of("load", FAST)])
    assert [run.bench for run in kept] == ["load"]


def test_a_run_without_postgresql_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    report.keep(path, ABOUT, [run_of("load", FAST, database="PostgreSQL")])
    kept = report.keep(path, ABOUT | {"PostgreSQL": "not run"}, [run_of("load", FAST)])
    assert len(kept) == 2
    assert json.loads(path.read_text())["machine"]["PostgreSQL"] == "15.1"


def test_results_stand_between_the_marks_and_the_rest_stays() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert report.write_between(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="needs"):
        report.write_between("no marks", "new")


def test_the_document_says_what_it_was_measured_on() -> None:
    other = replace(SLOW, what="verifying")
    told = report.markdown(ABOUT, [run_of("load", FAST), run_of("verify", other)], ["verify", "load"])
    about, _blank, _head, _rule, first, _second = told.splitlines()
    assert about.startswith("processor fast; cores 2; PostgreSQL 15.1; commit abc1234; measured 2026-01-02;")
    assert about.endswith("load average 0.5 to 1.2.")
    assert first.startswith("| verifying |")
    assert "MISSED" in first


def test_the_projects_document_has_the_marks() -> None:
    assert "| against |" in report.write_between(runner.DOCUMENT.read_text(), document_table([FAST]))


def test_the_machine_is_described() -> None:
    told = machine.describe()
    assert told["PostgreSQL"] == "not run"
    assert all(told.values())


@pytest.mark.parametrize(
    "words", [["--write", "--quick"], ["--write", "--entries", "5"], ["--only", "nothing"]]
)
def test_words_that_mean_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        runner.parse(words)
    assert ended.value.code == 2


class Bench:
    """Gives the rows that it is told, then breaks if it is told so."""

    def __init__(self, *rows: Row, breaks: bool = False) -> None:
        self.told, self.breaks = rows, breaks

    def rows(self, *_: Any) -> Any:
        yield from self.told
        if self.breaks:
            raise OSError("the disk is full")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(runner, "DOCUMENT", tmp_path / "document.md")
    return tmp_path


@pytest.mark.parametrize(("row", "code"), [(FAST, 0), (SLOW, 1)])
def test_a_missed_bound_is_the_exit_code(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], row: Row, code: int
) -> None:
    monkeypatch.setattr(runner, "_module", lambda _bench: Bench(row))
    assert runner.main(["--only", "verify"]) == code
    told = capsys.readouterr()
    assert "PostgreSQL: NOT RUN" in told.err
    assert told.out.count("recording") == 1
    assert "cores" in told.out


def test_one_that_breaks_keeps_what_it_had_and_stops_no_other(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benches = {"recording": Bench(FAST, breaks=True), "verify": Bench(replace(FAST, what="verifying"))}
    monkeypatch.setattr(runner, "_module", benches.__getitem__)
    assert runner.main(["--only", "recording", "--only", "verify"]) == 1
    told = capsys.readouterr()
    assert "FAILED, see above: recording SQLite" in told.err
    assert "the disk is full" in told.err
    assert "verifying" in told.out


def test_the_document_is_written_when_that_is_asked_for(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (results / "document.md").write_text(f"{BEGIN}\n{END}\n")
    monkeypatch.setattr(runner, "_module", lambda _bench: Bench(FAST))
    assert runner.main(["--only", "verify", "--write"]) == 0
    assert "0.26 (141/s)" in (results / "document.md").read_text()


def test_every_benchmark_there_is_is_run() -> None:
    files = {path.stem.removeprefix("bench_") for path in Path(runner.__file__).parent.glob("bench_*.py")}
    assert files == set(runner.BENCHES)
