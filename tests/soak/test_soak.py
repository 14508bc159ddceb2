"""One minute of it, on the database of the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site_process import REPOSITORY
from tests.soak.options import read
from tests.soak.phases import FAULTS


@pytest.mark.alone
@pytest.mark.long
def test_a_minute_with_faults_and_kills_keeps_every_promise(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    database = os.environ.get("TEST_DATABASE_URL") or "sqlite"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.soak", "--minutes", "1", "--every", "20", "--database", database),
            *("--report", str(report)),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = json.loads(report.read_text())
    assert told["wrong"] == []
    assert "PASSED" in done.stdout

    # and it was a soak, not a walk
    assert set(told["faults"]) == set(FAULTS)
    for process in ("web", "delivery", "catalogue"):
        assert sum(number for name, number in told["restarts"].items() if name.startswith(process)) >= 1
    assert told["entries"]["in the ledger"] == told["entries"]["promised"] > 100
    assert told["verify_ledger"]["ok"]
    assert told["reconcile"]["status"] == "clean"


def test_it_refuses_a_folder_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "gateway.sqlite3").touch()
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--folder", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path} is not empty: a soak begins with a new database.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--minutes", "0"],
        ["--every", "-1"],
        ["--kill-share", "2"],
        ["--rate", "0"],
        ["--connections", "0"],
        ["--database", "mysql://there"],
    ],
    ids=lambda words: words[0],
)
def test_options_without_sense_are_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read(words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_an_hour_on_sqlite_is_what_it_does_by_itself() -> None:
    options = read([])
    assert (options.seconds, options.database, options.steady, options.rate) == (3600, "sqlite", False, None)
    assert options.patience > options.seconds
    assert read(["--seed", "7"]).seed == 7
