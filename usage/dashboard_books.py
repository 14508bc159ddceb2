"""How the books stand, a line each for the dashboard: the ledger, its delivery, its reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import ExchangeAccount
from usage import reconciliation, verification
from usage.models import Chain, ReconciliationRun, VerificationRun
from usage.queue import QueueStatus, account_status
from usage.reporting.groups import logs_at

Tone = Literal["ok", "warn", "bad", "plain"]
LATE = 300
"""Seconds after which what waits for delivery is worth a warning."""
Status = ReconciliationRun.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One of the books: its state as a word, since when that is known, and where there is more of it."""

    name: str
    state: str
    tone: Tone
    url: str = ""
    fact: str = ""
    notes: tuple[str, ...] = ()
    since: datetime | None = None
    since_words: str = ""
    lag: str = ""
    """How long it is since then, where that goes on to the second: 0:42."""

    @property
    def alarm(self) -> str:
        """What is read out when it comes up on a page that is open."""
        return f"{self.name}: {self.state}" if self.tone == "bad" else ""


def lines_of(account: ExchangeAccount, chain: Chain) -> tuple[Line, Line, Line]:
    """The ledger, delivery and reconciliation. Asks only the database."""
    return (
        ledger_line(chain, verification.latest(account)),
        delivery_line(account_status(account), is_empty=not chain.seq),
        reconciliation_line(reconciliation.latest(account)),
    )


def ledger_line(chain: Chain, check: VerificationRun | None) -> Line:
    """Whether the chain held when it was last verified. As many lines before the first entry as after it."""
    entries = ngettext("%(n)s entry", "%(n)s entries", chain.seq) % {"n": f"{chain.seq:,}"}
    if check is None:
        return Line(
            name=_("Ledger"),
            state=_("Not checked yet") if chain.seq else _("Empty"),
            tone="plain",
            fact=entries,
            notes=(_("the worker does it by itself"),),
        )
    notes = []
    if check.ok and check.head_seq < chain.seq:
        notes.append(_("up to number %(seq)s") % {"seq": f"{check.head_seq:,}"})
    if check.ok and check.unanchored_since is not None:
        notes.append(_("nothing outside confirms %(seq)s and later") % {"seq": f"{check.unanchored_since:,}"})
    problems = ngettext("%(n)s problem", "%(n)s problems", check.problem_count) % {
        "n": f"{check.problem_count:,}"
    }
    return Line(
        name=_("Ledger"),
        state=_("Intact") if check.ok else problems,
        tone="ok" if check.ok else "bad",
        fact=entries,
        notes=tuple(notes),
        since=check.finished_at,
        since_words=_("checked"),
    )


def delivery_line(status: QueueStatus, *, is_empty: bool = False) -> Line:
    """What the Exchange has not counted yet, the worst first."""
    if is_empty:
        return Line(
            name=_("Delivery"), state=_("Nothing to deliver"), tone="plain", notes=(_("nothing waits"),)
        )
    waiting = status.pending + status.sending
    notes = []
    if status.rejected and (status.uncertain or waiting):
        notes.append(_("%(n)s uncertain") % {"n": f"{status.uncertain:,}"} if status.uncertain else "")
    if waiting:
        notes.append(_("%(n)s pending") % {"n": f"{waiting:,}"})
        if not status.worker_alive:
            notes.append(_("no worker runs"))
    state, tone, of = _("All delivered"), "ok", ""
    if status.rejected:
        state, tone, of = _("%(n)s rejected") % {"n": f"{status.rejected:,}"}, "bad", "rejected"
    elif status.uncertain:
        state, tone, of = _("%(n)s uncertain") % {"n": f"{status.uncertain:,}"}, "warn", "uncertain"
    elif waiting:
        state, of = _("%(n)s pending") % {"n": f"{waiting:,}"}, "pending"
        tone = "warn" if status.lag_seconds > LATE or not status.worker_alive else "plain"
        notes = notes[1:]
    else:
        notes = [_("nothing waits")]
    return Line(
        name=_("Delivery"),
        state=state,
        tone=tone,  # type: ignore[arg-type]
        url=logs_at({"state": of}) if of else "",
        notes=tuple(note for note in notes if note),
        since=status.oldest_pending_at,
        since_words=_("oldest waits") if status.oldest_pending_at else "",
        lag=stopwatch(status.lag_seconds) if status.oldest_pending_at else "",
    )


def stopwatch(seconds: int) -> str:
    """So many seconds as a clock that runs shows them: 0:42, 12:05, 31:00:09. The page's script goes on."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def reconciliation_line(run: ReconciliationRun | None) -> Line:
    """What the last comparison with the Exchange's books came to."""
    name, url = _("Reconciliation"), reverse("usage:reconciliation")
    if run is None:
        notes = [_("the worker does it by itself")]
        return Line(name=name, state=_("Not compared yet"), tone="plain", url=url, notes=tuple(notes))
    state, tone = {
        Status.CLEAN: (_("Both books agree"), "ok"),
        Status.DIFFERENT: (_("Differs"), "warn" if run.acknowledged_at else "bad"),
    }.get(Status(run.status), (_("Could not compare"), "plain"))
    notes = []
    matched = run.lines.get("matched")
    if matched:
        notes.append(ngettext("%(n)s line matched", "%(n)s lines matched", matched) % {"n": f"{matched:,}"})
    if run.acknowledged_at:
        notes.append(_("acknowledged"))
    return Line(
        name=name,
        state=state,
        tone=tone,  # type: ignore[arg-type]
        url=url,
        notes=tuple(notes),
        since=run.finished_at,
        since_words=_("compared"),
    )
