"""The period of a pack as people name it: UTC days, the last one included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

EARLIEST, LATEST = date(2000, 1, 1), date(9000, 1, 1)
"""No entry occurs before the one; a year beyond the other is a slip of the hand."""


def is_day(day: date) -> bool:
    """Whether a period can begin or end with it."""
    return EARLIEST <= day < LATEST


def begin(day: date | None) -> datetime | None:
    """Its first moment."""
    return datetime.combine(day, time(), UTC) if day else None


def end(day: date | None) -> datetime | None:
    """The moment after its last: what occurs then is not in it."""
    return datetime.combine(day + timedelta(days=1), time(), UTC) if day else None


def last_of(until: datetime | None) -> date | None:
    """The day of which this is the end."""
    return (until - timedelta(days=1)).astimezone(UTC).date() if until else None
