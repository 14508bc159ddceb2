"""What a comparison came to, in a sentence that one reads first."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usage.models import ReconciliationLine, ReconciliationRun

Kind = ReconciliationLine.Kind
WRONG = (Kind.DIFFERING, Kind.THEIRS_ONLY, Kind.OURS_ONLY)
"""Kinds of lines that make the books differ."""


def verdict_of(run: ReconciliationRun) -> str:
    """How far the books are apart, in tokens and lines; "" for a run that came to nothing."""
    if not run.totals:
        return ""
    if run.status == ReconciliationRun.Status.CLEAN:
        if run.has_lines:
            return _("Line by line, the Exchange has counted what your book says.")
        return _("In total, the Exchange has counted what your book says.")
    lines = sum(run.lines.get(kind) or 0 for kind in WRONG)
    parts = [_of_totals(run.totals["difference"]), _of_lines(lines)]
    if lacks_prices(run):
        parts.append(_("What that costs is not known here."))
    return " ".join(part for part in parts if part)


def lacks_prices(run: ReconciliationRun) -> bool:
    """Whether the difference in money is not all of it: what only they have may have no price here."""
    money = run.totals["money"]
    return bool(run.lines.get(Kind.THEIRS_ONLY) and money and money["unpriced_tokens"])


def _of_totals(difference: Mapping[str, int]) -> str:
    parts = []
    if consumed := difference["consumed_tokens"]:
        more = ngettext("%(tokens)s more token consumed", "%(tokens)s more tokens consumed", abs(consumed))
        less = ngettext("%(tokens)s fewer token consumed", "%(tokens)s fewer tokens consumed", abs(consumed))
        parts.append((more if consumed > 0 else less) % {"tokens": f"{abs(consumed):,}"})
    if supplied := difference["supplied_tokens"]:
        more = ngettext("%(tokens)s more token supplied", "%(tokens)s more tokens supplied", abs(supplied))
        less = ngettext("%(tokens)s fewer token supplied", "%(tokens)s fewer tokens supplied", abs(supplied))
        parts.append((more if supplied > 0 else less) % {"tokens": f"{abs(supplied):,}"})
    if not parts:
        return _("The totals of tokens are the same.")
    apart = parts[0] if len(parts) == 1 else _("%(one)s and %(other)s") % {"one": parts[0], "other": parts[1]}
    return _("The Exchange shows %(difference)s than your book.") % {"difference": apart}


def _of_lines(count: int) -> str:
    said = ngettext("%(lines)s line does not fit.", "%(lines)s lines do not fit.", count)
    return said % {"lines": f"{count:,}"} if count else ""
