from __future__ import annotations

from typing import Any

from accounts.commands import DEADLINE, GatewayCommand, acting_user
from accounts.registration import account_of
from usage.reporting.differences import Differences
from usage.summary import Compared, compared

MINUS = "\u2212"


def figure(tokens: int | None) -> str:
    """Grouped, with a real minus sign; a dash for what is not known."""
    return "-" if tokens is None else f"{tokens:,}".replace("-", MINUS)


def table(differences: Differences, *, with_theirs: bool) -> list[str]:
    """Totals for people: ours, and the Exchange's and the difference where they are known."""
    lines = [["", "Ours", "Exchange", "Difference"] if with_theirs else ["", "Ours"]]
    for row in differences.rows:
        line = [row.title, figure(row.ours)]
        lines.append([*line, figure(row.theirs), figure(row.difference)] if with_theirs else line)
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
        )
        for line in lines
    ]


def explanation(found: Compared) -> list[str]:
    """A sentence for each thing that the difference comes from."""
    if found.summary.exchange is None:
        return []
    if found.differences.is_equal:
        return ["Both books agree."]
    lines = [f"{reason.sentence}: {figure(reason.tokens)} tokens." for reason in found.differences.reasons]
    if found.differences.unexplained:
        lines.append(
            f"{figure(found.differences.unexplained)} tokens differ for another reason: "
            "run `python manage.py reconcile`."
        )
    return lines


class Command(GatewayCommand):
    help = "Show what this account consumed and supplied in all, and what the Exchange has counted of it."

    def handle(self, *args: Any, **options: Any) -> None:
        # not acting_account, which registers: our own figures need nobody else
        found = compared(account_of(acting_user()), deadline=DEADLINE)
        if options["json"]:
            self.print_document(found.summary)
        else:
            known = found.summary.exchange is not None
            for line in [*table(found.differences, with_theirs=known), *explanation(found)]:
                self.stdout.write(line)
        if found.reason:
            self.stderr.write(f"The Exchange's figures are missing. {found.reason}")
