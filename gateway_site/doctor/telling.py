"""The findings for a person: a summary, then what is wrong, the worst first; what is fine if asked for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from gateway_site.doctor.findings import Finding, Level, many

HEADINGS: dict[Level, str] = {
    "problem": "What does not work",
    "warning": "What should not stay so",
    "ok": "What is in order",
}
WIDTH = 100


def told(findings: Sequence[Finding], *, all_of_it: bool = False, width: int = WIDTH) -> str:
    """The report, without a line break at its end."""
    lines = [summary(findings)]
    margin = max((len(one.subject) for one in findings), default=0) + 4
    for level, heading in HEADINGS.items():
        shown = [one for one in findings if one.level == level]
        if shown and (level != "ok" or all_of_it):
            lines += ["", heading, *_section(shown, margin, width)]
    return "\n".join(lines)


def summary(findings: Sequence[Finding]) -> str:
    """How it is, in a sentence."""
    counts = {level: sum(one.level == level for one in findings) for level in HEADINGS}
    fine = f"{many(counts['ok'], 'thing')} {'is' if counts['ok'] == 1 else 'are'} in order"
    if not counts["problem"] and not counts["warning"]:
        return f"All is well: {fine}."
    parts = [many(counts[level], level) for level in ("problem", "warning") if counts[level]]
    return f"{' and '.join(parts)}; {fine}."


def _section(findings: Sequence[Finding], margin: int, width: int) -> Iterator[str]:
    before = ""
    for one in findings:
        name = "" if one.subject == before else one.subject
        before = one.subject
        yield from _paragraph(one.message, f"  {name}".ljust(margin), " " * margin, width)
        if one.advice:
            yield from _paragraph(one.advice, f"{' ' * margin}→ ", f"{' ' * margin}  ", width)


def _paragraph(text: str, first: str, others: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width=max(width, len(others) + 40),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
