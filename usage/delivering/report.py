"""What delivering did, for who reads a terminal and for a program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from usage.delivering.round import Round
from usage.queue import QueueStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Entries that were delivered, rejected, put off (``deferred``) or became uncertain just now; and how
    many stand where now. ``error`` says why it is not as it should be, "" if it is.
    """

    delivered: int
    rejected: int
    uncertain: int
    deferred: int
    pending: int
    total_uncertain: int
    total_rejected: int
    paused_until: datetime | None
    error: str

    @classmethod
    def of(cls, done: Round, status: QueueStatus) -> Report:
        """What these rounds did, and how the queue stands after them."""
        return cls(
            delivered=done.delivered,
            rejected=done.rejected,
            uncertain=done.uncertain,
            deferred=done.deferred,
            pending=status.pending + status.sending,
            total_uncertain=status.uncertain,
            total_rejected=status.rejected,
            paused_until=status.paused_until,
            error=_error(done, status),
        )


def told(report: Report) -> str:
    """The same in a line."""
    counts = {
        "delivered": report.delivered,
        "rejected by the Exchange": report.rejected,
        "uncertain: they may or may not have been counted": report.uncertain,
        "put off": report.deferred,
    }
    news = "; ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "Nothing was due"
    waits = f"{report.pending:,} still wait" if report.pending else "Nothing waits"
    if report.paused_until:
        waits += f", until {report.paused_until.astimezone(UTC):%H:%M:%S} UTC at least"
    return f"{news}. {waits}."


def _error(done: Round, status: QueueStatus) -> str:
    if done.refusals:
        more = f" And {done.rejected - 1:,} more." if done.rejected > 1 else ""
        return f"{done.refusals[0]}{more}"
    if status.pending and status.paused_until:
        until = f"{status.paused_until.astimezone(UTC):%H:%M:%S} UTC"
        return f"{status.failure} It is left in peace until {until}; {status.pending:,} entries wait."
    if done.uncertain:
        return (
            f"{done.uncertain:,} entries are uncertain: the Exchange may or may not have counted them. "
            "Look at its totals and settle them."
        )
    return status.failure if status.pending else ""
