from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.commands import GatewayCommand, acting_user
from accounts.exchanges import current_exchange
from accounts.models import ExchangeAccount
from accounts.registration import account_of
from exchange.text import clean_text
from usage import head_log
from usage.models import Chain
from usage.verification import Problem, Verification, keep, statement_of, verify
from usage.verifying.problems import Kind
from usage.verifying.repairing import rebuild_derived

EVERY = 0.5
"""Seconds between two lines of progress."""
MOST_SHOWN = 50


class Command(GatewayCommand):
    help = (
        "Prove the ledger: entries, chain, sums, deliveries, triggers, and the anchors outside the database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="Every account at this Exchange.")
        parser.add_argument(
            "--offline", action="store_true", help="Do not ask the Exchange for its statement."
        )
        parser.add_argument(
            "--rebuild-rollups",
            action="store_true",
            help="First make rollups, tallies and totals again from the entries. Entries are never changed.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = _all_accounts() if options["all"] else [account_of(acting_user())]
        if options["rebuild_rollups"]:
            for account in accounts:
                self._rebuild(account)
        found = [(account, self._verify(account, offline=options["offline"])) for account in accounts]
        lost = _lost_chains() if options["all"] else []
        if options["json"]:
            self.print_document(_document_of_all(found, lost) if options["all"] else _document(found[0][1]))
            for _account, one in found:
                self._say_checked(one, self.stderr.write)
        else:
            for account, one in found:
                self._show(account, one)
            for problem in lost:
                self.stdout.write(_line(problem))
        count = sum(len(one.problems) for _account, one in found) + len(lost)
        if count:
            broken = sum(not one.ok for _account, one in found)
            raise CommandError(f"{_many(count, 'problem')} in {_many(broken or 1, 'book')}.")

    def _rebuild(self, account: ExchangeAccount) -> None:
        self.stderr.write(
            f"{_name(account)}: making rollups, tallies and totals again from the entries; "
            "recording waits meanwhile, and no entry is changed."
        )
        done = rebuild_derived(account)
        wrong = ", ".join([*done.totals, *done.tallies]) or "none"
        self.stderr.write(
            f"{_many(done.rollups, 'rollup')} made; totals and tallies that were wrong: {wrong}."
        )

    def _verify(self, account: ExchangeAccount, *, offline: bool) -> Verification:
        started_at = timezone.now()
        with _progress() as progress:
            found = verify(account, statement=None if offline else statement_of(account), progress=progress)
        if not offline:
            keep(account, found, started_at)  # the dashboard shows what was found last
        return found

    def _show(self, account: ExchangeAccount, found: Verification) -> None:
        verdict = "intact" if found.ok else _many(len(found.problems), "problem")
        self.stdout.write(f"{_name(account)}: {_many(found.entries, 'entry', 'entries')}, {verdict}.")
        for problem in found.problems[:MOST_SHOWN]:
            self.stdout.write(_line(problem))
        if len(found.problems) > MOST_SHOWN:
            self.stdout.write(f"  and {len(found.problems) - MOST_SHOWN:,} more; --json names them all")
        if not found.entries:
            pass
        elif found.unanchored_since is None:
            self.stdout.write("  Every entry is confirmed from outside the database.")
        else:
            since = found.unanchored_since
            self.stdout.write(f"  From entry {since} on nothing outside the database confirms the chain.")
        self._say_checked(found, self.stdout.write)

    def _say_checked(self, found: Verification, write: Callable[[str], object]) -> None:
        for sentence in found.checked:
            write(f"  Checked: {sentence}")
        for sentence in found.not_checked:
            write(f"  Not checked: {clean_text(sentence)}")


def _all_accounts() -> list[ExchangeAccount]:
    accounts = ExchangeAccount.objects.filter(exchange=current_exchange()).order_by("pk")
    return list(accounts.select_related("user", "exchange"))


def _lost_chains() -> list[Problem]:
    """The chains of this Exchange that the head log names and the database does not have."""
    known = set(Chain.objects.values_list("chain_id", flat=True))
    here = current_exchange().base_url
    return [
        Problem(
            None,
            Kind.HEAD_LOG.value,
            f"Chain {chain}, which had come to entry {tip.seq} at {tip.at:%Y-%m-%d %H:%M} UTC, "
            "is not in this database. If the database was made anew, move the head log away.",
        )
        for chain, tip in head_log.tips().items()
        if tip.exchange == here and chain not in known
    ]


def _document_of_all(
    found: list[tuple[ExchangeAccount, Verification]], lost: list[Problem]
) -> dict[str, Any]:
    return {
        "ok": not lost and all(one.ok for _account, one in found),
        "entries": sum(one.entries for _account, one in found),
        "problems": lost,
        "accounts": [{"email": account.user.email, **_document(one)} for account, one in found],
    }


def _document(found: Verification) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "entries": found.entries,
        "unanchored_since": found.unanchored_since,
        "problems": list(found.problems),
    }


def _line(problem: Problem) -> str:
    place = "-" if problem.seq is None else f"#{problem.seq}"
    return f"  {place:>10}  {problem.kind:<10}  {clean_text(problem.message)}"


def _name(account: ExchangeAccount) -> str:
    return clean_text(str(account.user.email))


def _many(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Speed and what remains, on a line of the terminal that is written over; nothing where there is none."""
    if not sys.stderr.isatty():
        yield None
        return
    began = said = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < EVERY:
            return
        said = now
        rate = done / (now - began)
        left = max(total - done, 0) / rate
        sys.stderr.write(f"\r{done:,} of {total:,} entries, {rate:,.0f} a second, {left:,.0f} s left\x1b[K")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if said != began:
            sys.stderr.write("\r\x1b[K")
