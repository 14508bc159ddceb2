"""Processes that count together: what they counted outlives them, and nothing else of theirs does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway_site.metrics import forget_process, shared
from gateway_site.tests.project import REPOSITORY

COUNTING = """
    import sys
    sys.argv.append("--watch")
    from gateway_site.metrics import figures
    figures.sign_ins_total.labels("sent").inc({sent})
    figures.breaker_open.set({breaker})
    figures.call_seconds.labels("report_usage").observe(0.2)
    print("counted", flush=True)
    sys.stdin.readline()
    figures.sign_ins_total.labels("sent").inc()
"""


@contextmanager
def counting(folder: Path, *, sent: int = 1, breaker: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A process that has counted, and ends, counting once more, when it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(COUNTING.format(sent=sent, breaker=breaker))],
        cwd=REPOSITORY,
        env=os.environ | {shared.VARIABLE: str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "counted\n"
        yield process
    finally:
        if process.poll() is None:
            process.stdin.write("\n")
            process.stdin.flush()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()


def figures_of(folder: Path) -> dict[str, float]:
    return {
        f"{sample.name} {' '.join(sample.labels.values())}".strip(): sample.value
        for metric in shared.collect(folder)
        for sample in metric.samples
    }


def test_processes_count_together_and_those_that_ended_stay_in_the_sums(tmp_path: Path) -> None:
    with counting(tmp_path, sent=2, breaker=1), counting(tmp_path, sent=3):
        found = figures_of(tmp_path)
        assert found["tokligence_sign_in_attempts_total sent"] == 5
        assert found["tokligence_exchange_breaker_open"] == 1
        assert found["tokligence_exchange_call_duration_seconds_count report_usage"] == 2
        assert len(list(tmp_path.glob("*.alive"))) == 2
    found = figures_of(tmp_path)
    assert found["tokligence_sign_in_attempts_total sent"] == 7
    assert found["tokligence_exchange_call_duration_seconds_bucket report_usage 0.25"] == 2
    assert "tokligence_exchange_breaker_open" not in found  # what it was, is no more
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "counter_ended.db",
        "histogram_ended.db",
        "lock",
    ]
    with counting(tmp_path):
        assert figures_of(tmp_path)["tokligence_sign_in_attempts_total sent"] == 8


def test_one_that_is_killed_is_forgotten_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path))
    with counting(tmp_path, sent=4) as process:
        forget_process(process.pid)  # it lives: nothing happens
        assert len(list(tmp_path.glob("*.alive"))) == 1
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        forget_process(process.pid)
        assert not list(tmp_path.glob("*.alive"))
    assert figures_of(tmp_path)["tokligence_sign_in_attempts_total sent"] == 4


def test_a_torn_file_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "counter_1-dead.db").write_bytes(b"")
    (tmp_path / "histogram_1-dead.db").write_bytes(b"\xff" * 100)
    with counting(tmp_path, sent=2):
        assert figures_of(tmp_path)["tokligence_sign_in_attempts_total sent"] == 2


def test_a_command_that_runs_once_leaves_nothing(tmp_path: Path) -> None:
    code = "from gateway_site.metrics import figures; figures.sign_ins_total.labels('sent').inc()"
    environ = os.environ | {shared.VARIABLE: str(tmp_path / "metrics")}
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environ, check=True)
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize("folder", ["", "/proc/no-such-place"])
def test_where_there_is_no_folder_each_counts_for_itself(folder: str) -> None:
    code = (
        "import sys; sys.argv.append('--watch'); from gateway_site.metrics import figures; "
        "figures.sign_ins_total.labels('sent').inc(); print(figures.FOLDER)"
    )
    environ = os.environ | {shared.VARIABLE: folder}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environ, check=True, capture_output=True, text=True
    )
    assert ended.stdout.strip() == "None"


def test_forgetting_without_a_folder_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for named in ("", str(tmp_path / "none")):
        monkeypatch.setenv(shared.VARIABLE, named)
        forget_process(1)
    assert not (tmp_path / "none").exists()
