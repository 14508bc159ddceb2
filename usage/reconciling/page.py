"""What the reconciliation page shows of a run: figures side by side, and the lines that do not match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from accounts.models import ExchangeAccount
from usage.models import LedgerEntry, ReconciliationLine, ReconciliationRun
from usage.reconciliation import latest_result, lines_of
from usage.reconciling.document import reversals_of, wrong_fields
from usage.reconciling.lines import MOST_KEPT
from usage.reconciling.verdict import lacks_prices, verdict_of
from usage.reconciling.words import FIELDS, OPENING, of_chain

Kind = ReconciliationLine.Kind
Status = ReconciliationRun.Status
PAGE_SIZE = 10
SHOWN = 25
"""Lines of a kind on the page; one kind alone shows all that were kept."""
TONES = {Status.CLEAN: "ok", Status.DIFFERENT: "bad", Status.UNAVAILABLE: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A figure on both sides: tokens, or nano-dollars (``is_money``); ``under_way`` is not in ours yet."""

    title: str
    key: str = ""
    ours: int
    theirs: int
    difference: int
    under_way: int = 0
    is_money: bool = False
    is_known: bool = True
    """Whether the difference is all of it: what only they have may have no price here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What each side says of a field in which they differ; ``is_count`` of tokens."""

    name: str
    ours: Any
    theirs: Any
    is_count: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that does not match, with the fields that differ."""

    entry: LedgerEntry | None
    theirs: dict[str, Any] | None
    message: str
    fields: Sequence[Field] = ()
    counted_at: datetime | None = None

    @property
    def direction(self) -> str:
        return str(self.entry.direction if self.entry else (self.theirs or {})["direction"])

    @property
    def their_tokens(self) -> int:
        told = self.theirs or {}
        return int(told["prompt_tokens"]) + int(told["completion_tokens"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The lines of a kind: how many there are, and those shown."""

    kind: str
    title: str
    meaning: str
    count: int
    lines: Sequence[Line] = ()
    reversals: Sequence[LedgerEntry] = ()

    @property
    def shown(self) -> int:
        return len(self.lines) or len(self.reversals)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Runs, newest first; ``older`` is the number after which the next page begins, None on the last.

    ``is_newest``: there is none before.
    """

    runs: Sequence[ReconciliationRun] = ()
    older: int | None = None
    is_newest: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A run as it is shown."""

    run: ReconciliationRun
    tone: str
    verdict: str = ""
    """How far the books are apart, in a sentence."""
    sides: Sequence[Side] = ()
    groups: Sequence[Group] = ()
    """Lines that do not match."""
    reversed: Group | None = None
    chain: str = ""
    """What is wrong with the Exchange's own book, in a sentence."""
    opening: str = ""
    opened_at: datetime | None = None
    pending: Sequence[tuple[str, str, dict[str, int]]] = field(default_factory=tuple)


def view_of(run: ReconciliationRun, *, kind: str = "") -> View:
    """The run with its lines: some of every kind, or with ``kind`` all that were kept of that one."""
    totals = run.totals
    if not totals:
        return View(run=run, tone=TONES[Status(run.status)])
    chain = totals["chain"] or {}
    groups = _groups(run, kind)
    return View(
        run=run,
        tone=TONES[Status(run.status)],
        verdict=verdict_of(run),
        sides=_sides(totals, is_known=not lacks_prices(run)),
        groups=[group for group in groups if group.kind != Kind.REVERSED],
        reversed=next((group for group in groups if group.kind == Kind.REVERSED), None),
        chain=of_chain(chain["code"], chain["line"]) if chain.get("code") else "",
        opening="" if totals.get("opening_holds", True) else _(OPENING),
        opened_at=parse_datetime(totals["opening"]["taken_at"] or ""),
        pending=[
            (state, title, totals["pending"][state])
            for state, title in (
                ("pending", _("waiting for delivery")),
                ("sending", _("being sent")),
                ("uncertain", _("uncertain")),
                ("rejected", _("rejected")),
            )
            if totals["pending"][state]["entries"]
        ],
    )


def history_of(account: ExchangeAccount, before: int | None = None) -> History:
    """A page of the account's runs, from the newest, or from those older than ``before``."""
    runs = ReconciliationRun.objects.filter(account=account).select_related("acknowledged_by")
    mark = None if before is None else runs.filter(pk=before).first()
    if mark is not None:
        runs = runs.filter(Q(started_at__lt=mark.started_at) | Q(started_at=mark.started_at, pk__lt=mark.pk))
    found = list(runs.order_by("-started_at", "-pk")[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    older = found[PAGE_SIZE - 1].pk if more else None
    return History(runs=found[:PAGE_SIZE], older=older, is_newest=mark is None)


def result_in(account: ExchangeAccount, newest: Sequence[ReconciliationRun]) -> ReconciliationRun | None:
    """The newest result; ``newest`` are the account's newest runs, which mostly have it."""
    found = next((run for run in newest if run.status != Status.UNAVAILABLE), None)
    return found or (latest_result(account) if newest else None)


def _sides(totals: dict[str, Any], *, is_known: bool) -> list[Side]:
    ours, most, theirs = totals["ours"], totals["ours_at_most"], totals["theirs"]
    sides = [
        Side(
            title=title,
            key=key,
            ours=ours[name],
            under_way=most[name] - ours[name] if key else 0,
            theirs=theirs[name] - totals["opening"][name],
            difference=totals["difference"][name],
        )
        for title, key, name in (
            (_("Consumed"), "consume", "consumed_tokens"),
            (_("Supplied"), "supply", "supplied_tokens"),
            (_("Net"), "", "net_tokens"),
        )
    ]
    if totals["money"]:
        mine, their = totals["money"]["ours"], totals["money"]["theirs"]
        sides += [
            Side(
                title=title,
                ours=mine[name],
                theirs=their[name],
                difference=their[name] - mine[name],
                is_money=True,
                is_known=is_known,
            )
            for title, name in ((_("Cost"), "cost_nanos"), (_("Revenue"), "revenue_nanos"))
        ]
    return sides


def _groups(run: ReconciliationRun, only: str) -> list[Group]:
    said = (
        (Kind.DIFFERING, _("Differing"), _("Both books have the entry, and say different things of it.")),
        (
            Kind.THEIRS_ONLY,
            _("Only theirs"),
            _("The Exchange counted it, and no entry of yours is behind it."),
        ),
        (Kind.OURS_ONLY, _("Only yours"), _("You delivered it, and the Exchange does not have it.")),
        (Kind.REVERSED, _("Reversed"), _("Counted there, taken back here: the Exchange knows no reversals.")),
    )
    chosen = [row for row in said if run.lines.get(row[0]) and only in ("", row[0])]
    most = MOST_KEPT if only else SHOWN
    return [
        Group(
            kind=kind.value,
            title=title,
            meaning=meaning,
            count=run.lines[kind],
            lines=[_line(line) for line in lines_of(run, kind)[:most]] if kind != Kind.REVERSED else (),
            reversals=reversals_of(run, most) if kind == Kind.REVERSED else (),
        )
        for kind, title, meaning in chosen
    ]


def _line(line: ReconciliationLine) -> Line:
    theirs = line.theirs
    return Line(
        entry=line.entry,
        theirs=theirs,
        message=_(line.message),
        counted_at=parse_datetime(theirs["created_at"]) if theirs else None,
        fields=[
            Field(
                name=_(FIELDS[name]),
                ours=_said(name, getattr(line.entry, name)),
                theirs=_said(name, (theirs or {})[name]),
                is_count=name.endswith("_tokens"),
            )
            for name in wrong_fields(line)
        ],
    )


def _said(name: str, value: Any) -> Any:
    return LedgerEntry.Direction(value).label if name == "direction" else value
