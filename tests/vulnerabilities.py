"""``python -m tests.vulnerabilities``: whether a package that the site needs has a known vulnerability.

pip-audit asks a service on the internet. Where that cannot be reached it says of each package that it was not
found, and ends as if all were well: so its report is read here, and what was not audited is said to be so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 90
"""Seconds in all; a service that does not answer keeps nobody from his lint."""


@dataclass(frozen=True)
class Verdict:
    """What to print, and how to end: 1 only where a vulnerability is known."""

    lines: tuple[str, ...]
    status: int = 0


def judge(stdout: str, stderr: str = "") -> Verdict:
    """What pip-audit's JSON report comes to; its status tells nothing of packages that it has skipped."""
    try:
        packages: list[dict[str, Any]] = list(json.loads(stdout)["dependencies"])
    except (ValueError, KeyError, TypeError):
        return not_run(stderr.strip().splitlines()[-1] if stderr.strip() else "pip-audit gave no report")
    bad = [one for one in packages if one.get("vulns")]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    audited = len(packages) - len(skipped)
    lines = [
        f"{one['name']} {one['version']}: {flaw['id']}, {_cure(flaw.get('fix_versions', []))}"
        for one in bad
        for flaw in one["vulns"]
    ]
    if skipped:
        lines.append(
            f"NOT AUDITED: {len(skipped)} of {len(packages)} packages "
            f"({'the vulnerability service cannot be reached' if not audited else ', '.join(skipped)})."
        )
    if audited:
        lines.append(f"Audited: {audited} packages; {len(bad)} with a known vulnerability.")
    return Verdict(tuple(lines), 1 if bad else 0)


def not_run(why: str) -> Verdict:
    """Nothing was audited, and it is said so."""
    return Verdict(
        (f"NOT RUN: no package was audited; the vulnerability service cannot be reached ({why}).",)
    )


def _cure(versions: list[str]) -> str:
    return f"mended in {', '.join(versions)}" if versions else "not mended yet"


def audited() -> Verdict:
    """Ask about requirements.txt, within the patience."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.txt", "--disable-pip"]
    command += ["--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return not_run(f"no answer within {PATIENCE} seconds")
    return judge(done.stdout, done.stderr)


def main() -> int:
    verdict = audited()
    for line in verdict.lines:
        print(f"pip-audit: {line}")
    return verdict.status


if __name__ == "__main__":
    raise SystemExit(main())
