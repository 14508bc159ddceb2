from __future__ import annotations

from typing import Any

from accounts.commands import DEADLINE, GatewayCommand, acting_account
from usage.summary import Summary, usage_summary


def lines(summary: Summary) -> list[str]:
    """The totals for people, figures right-aligned; the net with a real minus sign."""
    figures = {
        "Consumed": f"{summary.consumed_tokens:,}",
        "Supplied": f"{summary.supplied_tokens:,}",
        "Net": f"{summary.net_tokens:,}".replace("-", "\u2212"),
    }
    width = max(len(figure) for figure in figures.values())
    return [f"{name:<9} {figure:>{width}} tokens" for name, figure in figures.items()]


class Command(GatewayCommand):
    help = "Show what this account consumed and supplied in all."

    def handle(self, *args: Any, **options: Any) -> None:
        summary = usage_summary(acting_account(), deadline=DEADLINE)
        if options["json"]:
            self.print_document(summary)
            return
        for line in lines(summary):
            self.stdout.write(line)
