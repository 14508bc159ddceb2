"""``python -m tests.bandit_findings``: what bandit finds in the product, and no line gives a reason for.

Ruff has bandit's rules under the same numbers (S101 is B101), and the lines that break one on purpose say so
for ruff. The same word counts here, so that no line needs two: a finding is excused where its own lines carry
``noqa: S`` with its number, or bandit's ``nosec`` with its own. What neither excuses fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("accounts", "catalog", "exchange", "gateway_site", "sandbox", "usage", "manage.py")
SAME = {"B703": "S308"}
"""Bandit's numbers that ruff has under another: both mean ``mark_safe``."""
_NOQA = re.compile(r"# noqa: ([A-Z]+\d+(?:, ?[A-Z]+\d+)*)")


def found() -> list[dict[str, Any]]:
    """Bandit's own report of the product's code, by the configuration in pyproject.toml."""
    command = [
        sys.executable,
        "-m",
        "bandit",
        "--quiet",
        "-c",
        "pyproject.toml",
        "-f",
        "json",
        "-r",
        *PRODUCT,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"bandit: NOT RUN. {done.stderr.strip()[-500:]}")
    report = json.loads(done.stdout)
    if report["errors"]:
        raise SystemExit(f"bandit: could not read {report['errors']}")
    results: list[dict[str, Any]] = report["results"]
    return results


def is_excused(finding: Mapping[str, Any], lines: Sequence[str]) -> bool:
    """Whether the finding's own lines (of its file's ``lines``) say that it is meant."""
    number = finding["test_id"]
    code = SAME.get(number, number.replace("B", "S", 1))
    own = [lines[at - 1] for at in finding["line_range"] if at <= len(lines)]
    return any(code in found[1].replace(" ", "").split(",") for line in own if (found := _NOQA.search(line)))


def main() -> int:
    faults = 0
    for finding in found():
        path = ROOT / finding["filename"]
        if not is_excused(finding, path.read_text().splitlines()):
            faults += 1
            where = f"{finding['filename']}:{finding['line_number']}"
            print(f"{where}: {finding['test_id']} {finding['issue_text']}")
    print(f"bandit: {faults} findings without a reason." if faults else "bandit: nothing without a reason.")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
