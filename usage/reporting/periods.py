"""The stretch of time that a page looks at: whole UTC hours or days, and as much just before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from django.utils.translation import gettext as _

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
Step = Literal["hour", "day", "week"]
STEPS: dict[Step, timedelta] = {"hour": HOUR, "day": DAY, "week": WEEK}
DEFAULT = "30d"
DAYS = {"7d": 7, "30d": 30, "90d": 90}
LONGEST = 1830
"""Days of a custom period: five years, which are 262 weeks in the chart."""
BY_DAY = 100
"""Days that are shown one by one; more are shown by week."""
EARLIEST = date(2000, 1, 1)


class PeriodInvalid(ValueError):  # noqa: N818 - as EntryInvalid is
    """What was asked for is no period; ``errors`` has a sentence for each field of the address."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From ``since`` up to ``until`` without it, both at a full UTC hour; ``query`` is its address.

    ``elapsed`` is how much of it has passed: what it is compared with is as long.
    """

    name: str
    query: dict[str, str]
    since: datetime
    until: datetime
    step: Step
    elapsed: timedelta

    @property
    def before(self) -> tuple[datetime, datetime]:
        """As much time as has passed of this period, just before it."""
        return self.since - self.elapsed, self.since

    @property
    def first_on(self) -> date:
        return self.since.date()

    @property
    def last_on(self) -> date:
        """The last UTC day that is in it."""
        return (self.until - timedelta(microseconds=1)).date()

    @property
    def hours(self) -> str:
        """From which hour of the first day to which of the last."""
        return f"{self.since:%H:%M}–{self.until:%H:%M} UTC"

    @property
    def starts(self) -> list[datetime]:
        """When each step of the chart begins; the first week may begin before the period does."""
        step = STEPS[self.step]
        at, starts = start_of(self.since, self.step), []
        while at < self.until:
            starts.append(at)
            at += step
        return starts


def start_of(moment: datetime, step: Step) -> datetime:
    """The beginning of the UTC hour, day or week (Monday) in which the moment lies."""
    moment = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if step == "hour":
        return moment
    moment = moment.replace(hour=0)
    return moment - DAY * moment.weekday() if step == "week" else moment


def period_of(query: Mapping[str, str], now: datetime) -> Period:
    """The period that an address names: ``period=7d``, ``month=2026-10``, or ``since`` and ``until`` (days).

    The last day is in it. Raises PeriodInvalid.
    """
    name, month = query.get("period", "").strip(), query.get("month", "").strip()
    since, until = query.get("since", "").strip(), query.get("until", "").strip()
    if name == "custom" or since or until:
        return _custom(since, until, now)
    if month or name == "month":
        return _month(month, now)
    if name == "24h":
        end = start_of(now, "hour") + HOUR
        return _period("24h", {"period": "24h"}, end - DAY, end, now, "hour")
    days = DAYS.get(name or DEFAULT)
    if days is None:
        raise PeriodInvalid({"period": _("Choose one of the periods: there is none of that name.")})
    end = start_of(now, "day") + DAY
    return _period(name or DEFAULT, {"period": name or DEFAULT}, end - DAY * days, end, now)


def month_after(first: date, months: int) -> date:
    """The first day of the month so many months after this one's; negative for before."""
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def _month(text: str, now: datetime) -> Period:
    this = start_of(now, "day").date().replace(day=1)
    first = this if not text else _first_of_month(text)
    if first is None or not EARLIEST <= first <= this:
        raise PeriodInvalid({"month": _("Give a month as 2026-10, from 2000-01 to this one.")})
    query = {"period": "month"} if first == this else {"month": f"{first:%Y-%m}"}
    return _period("month", query, _midnight(first), _midnight(month_after(first, 1)), now)


def _first_of_month(text: str) -> date | None:
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text)
    if not found or found[1] == "0000" or not 1 <= int(found[2]) <= 12:
        return None
    return date(int(found[1]), int(found[2]), 1)


def _custom(since: str, until: str, now: datetime) -> Period:
    errors: dict[str, str] = {}
    today = start_of(now, "day").date()
    first = _day(since, "since", errors)
    last = _day(until, "until", errors) if until else today
    if first and first > today:
        errors["since"] = _("The first day lies in the future: give today or an earlier one.")
    elif first and last and first > last:
        errors["until"] = _("The last day lies before the first: give a later one, or an earlier first day.")
    elif first and last and (last - first).days >= LONGEST:
        errors["until"] = _("That is longer than five years: give days that lie closer together.")
    if errors or first is None or last is None:
        raise PeriodInvalid(errors)
    query = {"since": first.isoformat(), "until": last.isoformat()}
    return _period("custom", query, _midnight(first), _midnight(last) + DAY, now)


def _day(text: str, field: str, errors: dict[str, str]) -> date | None:
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:  # 2026-02-30
        day = None
    if day is None or not EARLIEST <= day < date(9000, 1, 1):
        errors[field] = _("Give a day as 2026-10-31, not before 2000.")
        return None
    return day


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _period(
    name: str,
    query: dict[str, str],
    since: datetime,
    until: datetime,
    now: datetime,
    step: Step | None = None,
) -> Period:
    passed = min(until, start_of(now, "hour") + HOUR) - since
    if step is None:
        length = until - since
        step = "hour" if length <= 3 * DAY else "day" if length <= BY_DAY * DAY else "week"
    return Period(name=name, query=query, since=since, until=until, step=step, elapsed=passed)
