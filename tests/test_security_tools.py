"""What lint says of bandit's and pip-audit's reports: of each kind that they give, recorded as it came."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests import vulnerabilities
from tests.bandit_findings import is_excused
from tests.vulnerabilities import judge, not_run

CLEAN = {"name": "asgiref", "version": "3.13.0", "vulns": []}
SKIPPED = {
    "name": "django",
    "skip_reason": "Dependency not found on PyPI and could not be audited: django (5.2.19)",
}
FLAWED = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [
        {
            "id": "PYSEC-2021-66",
            "fix_versions": ["2.11.3"],
            "aliases": ["CVE-2020-28493"],
            "description": "Slow for some texts.",
        },
        {"id": "GHSA-0000", "fix_versions": [], "aliases": [], "description": ""},
    ],
}


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_where_nothing_is_known_it_says_how_many_were_looked_at() -> None:
    verdict = judge(report(CLEAN, {**CLEAN, "name": "brotli"}))
    assert (verdict.status, verdict.lines) == (0, ("Audited: 2 packages; 0 with a known vulnerability.",))


def test_a_known_vulnerability_fails_and_says_what_mends_it() -> None:
    verdict = judge(report(CLEAN, FLAWED))
    assert verdict.status == 1
    assert verdict.lines == (
        "jinja2 2.4.1: PYSEC-2021-66, mended in 2.11.3",
        "jinja2 2.4.1: GHSA-0000, not mended yet",
        "Audited: 2 packages; 1 with a known vulnerability.",
    )


def test_a_service_that_cannot_be_reached_is_no_clean_bill() -> None:
    verdict = judge(report(SKIPPED, {**SKIPPED, "name": "idna"}), "No known vulnerabilities found")
    assert verdict.status == 0
    assert verdict.lines == ("NOT AUDITED: 2 of 2 packages (the vulnerability service cannot be reached).",)


def test_what_was_skipped_among_others_is_named() -> None:
    verdict = judge(report(CLEAN, SKIPPED))
    assert "NOT AUDITED: 1 of 2 packages (django)." in verdict.lines
    assert judge(report(FLAWED, SKIPPED)).status == 1


@pytest.mark.parametrize("said", ["", "<html>", "[]", "{}", '{"dependencies": null}'])
def test_no_report_is_said_to_be_none(said: str) -> None:
    verdict = judge(said, "Traceback\nConnectionError: refused\n")
    assert verdict.status == 0
    assert verdict.lines == not_run("ConnectionError: refused").lines
    assert "NOT RUN" in verdict.lines[0]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*_args: object, timeout: float, **_kwargs: object) -> None:
        raise subprocess.TimeoutExpired("pip-audit", timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert "no answer within 90 seconds" in vulnerabilities.audited().lines[0]


@pytest.mark.parametrize(
    ("number", "line", "excused"),
    [
        ("B101", "assert key  # noqa: S101 - LoginRequiredMiddleware", True),
        ("B311", "delay = random()  # noqa: S311", True),
        ("B703", "return mark_safe(text)  # noqa: S308 - escaped above", True),
        ("B608", "query = f'…'  # noqa: S101, S608", True),
        ("B608", "query = f'…'  # noqa: S101", False),
        ("B608", "query = f'…'  # noqa", False),
        ("B608", "query = f'…'", False),
    ],
)
def test_a_finding_needs_its_own_reason(number: str, line: str, excused: bool) -> None:
    finding = {"test_id": number, "line_range": [2]}
    assert is_excused(finding, ["# noqa: S608, S101, S311, S308", line]) is excused
