from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from accounts.commands import GatewayCommand, Number, acting_user, count
from accounts.registration import account_of
from exchange.text import clean_text
from usage.models import ReconciliationLine, ReconciliationRun
from usage.reconciliation import lines_of, reconcile
from usage.reconciling.document import LISTED, document_of, wrong_fields
from usage.reconciling.words import OPENING, of_chain

Status = ReconciliationRun.Status
NAMES = {"pending": "not delivered"}
"""Of the kinds of lines, where the document's word is not the plain one: rejected ones are among them."""
SHOWN = 20
"""Lines of each kind that are printed; --json has up to a thousand."""


class Command(GatewayCommand):
    help = (
        "Compare your book with the Exchange's: totals, and line by line where it offers a statement. "
        "Exit 0 if they agree, 1 if they differ or the Exchange cannot be asked."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        run = reconcile(account_of(acting_user()))
        if options["json"]:
            self.print_document(document_of(run))
        elif run.totals:
            self._print_totals(run)
            self._print_lines(run)
        if run.status == Status.UNAVAILABLE:
            raise CommandError(clean_text(run.reason))
        if run.status == Status.DIFFERENT:
            known = " The difference is acknowledged." if run.acknowledged_at else ""
            raise CommandError(f"The books differ: {summary_of(run)}.{known}")

    def _print_totals(self, run: ReconciliationRun) -> None:
        totals = run.totals
        rows = []
        for name, key in (("consumed", "consumed_tokens"), ("supplied", "supplied_tokens")):
            opening, ours, theirs = totals["opening"][key], totals["ours"][key], totals["theirs"][key]
            rows.append((name, count(opening), count(ours), count(theirs), signed(totals["difference"][key])))
        headers = ["tokens", "opening balance", "delivered by you", "counted by the Exchange", "difference"]
        self.print_table(headers, rows, "")
        money = totals["money"]
        if money:
            self.stdout.write("")
            amounts = [
                (name, usd(money["ours"][key]), usd(money["theirs"][key]))
                for name, key in (("cost", "cost_nanos"), ("revenue", "revenue_nanos"))
            ]
            self.print_table(["USD, at your entries' prices", "yours", "the Exchange's"], amounts, "")
            if money["unpriced_tokens"]:
                tokens = f"{money['unpriced_tokens']:,}"
                self.stdout.write(
                    f"Of theirs, {tokens} tokens have no known price and are in no sum of money."
                )
        self.stdout.write("")

    def _print_lines(self, run: ReconciliationRun) -> None:
        if run.reason:
            self.stdout.write(run.reason)
        rows = [
            (NAMES.get(kind, kind.replace("_", " ")), count(n))
            for kind, n in run.lines.items()
            if n is not None
        ]
        self.print_table(["lines", "count"], rows, "")
        for kind in LISTED:
            for line in lines_of(run, kind)[:SHOWN]:
                self.stdout.write(f"{kind.label}: {clean_text(described(line))}")
            if (run.lines[kind] or 0) > SHOWN:
                self.stdout.write(f"{kind.label}: and {run.lines[kind] - SHOWN:,} more; --json lists them.")
        self.stdout.write("The books agree." if run.status == Status.CLEAN else "")


def summary_of(run: ReconciliationRun) -> str:
    """What is different, in a few words."""
    parts = [
        f"{run.lines[kind]:,} line{'s' if run.lines[kind] != 1 else ''} {kind.label.lower()}"
        for kind in LISTED
        if run.lines[kind]
    ]
    for name, key in (("consumed", "consumed_tokens"), ("supplied", "supplied_tokens")):
        tokens = run.totals["difference"][key]
        if tokens:
            word = "more" if tokens > 0 else "fewer"
            parts.append(f"the Exchange counted {abs(tokens):,} {word} tokens {name}")
    chain = run.totals["chain"]
    if chain and not chain["ok"]:
        parts.append(of_chain(chain["code"], chain["line"]).rstrip("."))
    if not run.totals.get("opening_holds", True):
        parts.append(OPENING.rstrip("."))
    return "; ".join(parts)


def described(line: ReconciliationLine) -> str:
    """One line that does not match, with what each side says."""
    entry, theirs = line.entry, line.theirs
    where = " and ".join(
        part
        for part in (
            f"entry #{entry.seq}" if entry else "",
            f"their line {line.exchange_entry_id}" if theirs else "",
        )
        if part
    )
    tokens = theirs["prompt_tokens"] + theirs["completion_tokens"] if theirs else 0
    what = f"{entry.total_tokens if entry else tokens:,} tokens"
    wrong = "".join(
        f" {name}: {getattr(entry, name)!r} here, {theirs[name]!r} there."
        for name in wrong_fields(line)
        if theirs
    )
    return f"{where}, {what}. {line.message}{wrong}"


def signed(tokens: int) -> Number:
    return Number(f"{tokens:+,}" if tokens else "0")


def usd(nanos: int) -> Number:
    return Number(f"{nanos // 10**9:,}.{nanos % 10**9:09d}")
