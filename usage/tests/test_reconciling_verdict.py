from __future__ import annotations

import pytest

from usage.models import ReconciliationRun
from usage.reconciling.verdict import verdict_of

Status = ReconciliationRun.Status


def run(status: str, consumed: int = 0, supplied: int = 0, **lines: int | None) -> ReconciliationRun:
    difference = {"consumed_tokens": consumed, "supplied_tokens": supplied}
    has_lines = lines.get("matched", 0) is not None
    kinds = {"matched": 0, "differing": 0, "theirs_only": 0, "ours_only": 0}
    money = {"unpriced_tokens": lines.pop("unpriced_tokens", 0)} if has_lines else None
    return ReconciliationRun(
        status=status,
        totals={"difference": difference, "money": money},
        lines={**kinds, **lines},
        has_lines=has_lines,
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (run("clean"), "Line by line, the Exchange has counted what your book says."),
        (run("clean", matched=None), "In total, the Exchange has counted what your book says."),
        (
            run("different", consumed=1000, theirs_only=1),
            "The Exchange shows 1,000 more tokens consumed than your book. 1 line does not fit.",
        ),
        (
            run("different", consumed=-1, supplied=20, ours_only=2, differing=3),
            (
                "The Exchange shows 1 fewer token consumed and 20 more tokens supplied than your book. "
                "5 lines do not fit."
            ),
        ),
        (
            run("different", consumed=9, theirs_only=1, unpriced_tokens=9),
            (
                "The Exchange shows 9 more tokens consumed than your book. 1 line does not fit. "
                "What that costs is not known here."
            ),
        ),
        (run("different", differing=1), "The totals of tokens are the same. 1 line does not fit."),
        (
            run("different", matched=None, supplied=-5),
            "The Exchange shows 5 fewer tokens supplied than your book.",
        ),
        (ReconciliationRun(status="unavailable", totals={}), ""),
    ],
)
def test_it_says_how_far_the_books_are_apart(found: ReconciliationRun, said: str) -> None:
    assert verdict_of(found) == said
