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


def lines_of(account: ExchangeAccount, chain: Chain) -> tuple[Line, Line, Line]:
    """The ledger, delivery and reconciliation. Asks only the database."""
    return (
        ledger_line(chain, verification.latest(account)),
        delivery_line(account_status(account), is_empty=not chain.seq),
        reconciliation_line(reconciliation.latest(account)),
    )


def ledger_line(chain: Chain, check: VerificationRun | None) -> Line:
    """Whether the chain held when it was last verified."""
    if not chain.seq:
        return Line(name=_("Ledger"), state=_("Empty"), tone="plain")
    entries = ngettext("%(n)s entry", "%(n)s entries", chain.seq) % {"n": f"{chain.seq:,}"}
    if check is None:
        return Line(name=_("Ledger"), state=_("Not checked yet"), tone="plain", fact=entries)
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
        return Line(name=_("Delivery"), state=_("Nothing to deliver"), tone="plain")
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
        tone = "warn" if status.lag_seconds > LATE else "plain"
        notes = notes[1:]
    return Line(
        name=_("Delivery"),
        state=state,
        tone=tone,  # type: ignore[arg-type]
        url=logs_at({"state": of}) if of else "",
        notes=tuple(note for note in notes if note),
        since=status.oldest_pending_at,
        since_words=_("oldest recorded") if status.oldest_pending_at else "",
    )


def reconciliation_line(run: ReconciliationRun | None) -> Line:
    """What the last comparison with the Exchange's books came to."""
    name, url = _("Reconciliation"), reverse("usage:reconciliation")
    if run is None:
        return Line(name=name, state=_("Not compared yet"), tone="plain", url=url)
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
