from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.reporting.periods import EARLIEST, Period, PeriodInvalid, month_after, period_of, start_of

NOW = datetime(2026, 11, 23, 17, 42, 5, tzinfo=UTC)


def asked(now: datetime = NOW, **query: str) -> Period:
    return period_of(query, now)


def at(day: int, hour: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "since", "until", "step", "bars"),
    [
        ("24h", at(22, 18), at(23, 18), "hour", 24),
        ("7d", at(17), at(24), "day", 7),
        ("30d", at(25, month=10), at(24), "day", 30),
        ("90d", at(26, month=8), at(24), "day", 90),
        ("", at(25, month=10), at(24), "day", 30),
    ],
)
def test_the_usual_periods_are_whole_utc_hours_or_days_up_to_now(
    name: str, since: datetime, until: datetime, step: str, bars: int
) -> None:
    period = asked(period=name)
    assert (period.since, period.until, period.step, len(period.starts)) == (since, until, step, bars)


def test_a_period_is_compared_with_as_much_time_just_before_it() -> None:
    assert asked(period="24h").before == (at(21, 18), at(22, 18))
    # of today only eighteen hours have begun, so six of the seventh day before are left out
    assert asked(period="7d").before == (at(10, 6), at(17))


def test_what_is_over_is_compared_with_its_whole_length() -> None:
    assert asked(month="2026-10").before == (at(31, month=8), at(1, month=10))


def test_this_month_is_all_of_it() -> None:
    period = asked(period="month")
    assert (period.since, period.until) == (at(1), at(1, month=12))
    assert period.before[0] == at(1) - (at(23, 18) - at(1))
    assert (period.first_on, period.last_on) == (date(2026, 11, 1), date(2026, 11, 30))


def test_this_month_has_one_address() -> None:
    assert asked(month="2026-11").query == asked(period="month").query == {"period": "month"}
    assert asked(month="2026-10").query == {"month": "2026-10"}


def test_the_last_day_of_a_custom_period_is_in_it() -> None:
    period = asked(since="2026-10-01", until="2026-10-03")
    assert (period.since, period.until) == (at(1, month=10), at(4, month=10))
    assert (period.step, len(period.starts)) == ("hour", 72)


def test_a_custom_period_may_end_today_without_saying_so() -> None:
    assert asked(since="2026-11-20").until == at(24)


def test_a_long_period_is_shown_by_week() -> None:
    period = asked(since="2026-01-01", until="2026-10-31")
    assert period.step == "week"
    assert period.starts[0] == datetime(2025, 12, 29, tzinfo=UTC)
    assert all(start.weekday() == 0 for start in period.starts)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"period": "fortnight"}, {"period"}),
        ({"period": "custom"}, {"since"}),
        ({"since": "yesterday"}, {"since"}),
        ({"since": "2026-02-30", "until": "x"}, {"since", "until"}),
        ({"since": "20261001", "until": "2026-10-02"}, {"since"}),
        ({"since": "2026-W40-1"}, {"since"}),
        ({"until": "2026-10-02"}, {"since"}),
        ({"since": "2026-10-03", "until": "2026-10-02"}, {"until"}),
        ({"since": "2026-11-24"}, {"since"}),
        ({"since": "1999-12-31"}, {"since"}),
        ({"since": "2020-01-01", "until": "2026-10-01"}, {"until"}),
        ({"since": "2026-10-01", "until": "9999-12-31"}, {"until"}),
        ({"since": "\x00"}, {"since"}),
        ({"month": "2026-13"}, {"month"}),
        ({"month": "2026-12"}, {"month"}),
        ({"month": "0000-01"}, {"month"}),
        ({"month": "1999-12"}, {"month"}),
        ({"month": "October"}, {"month"}),
        ({"month": "٢٠٢٦-١٠"}, {"month"}),
    ],
)
def test_what_is_no_period_is_refused_by_its_field(query: dict[str, str], fields: set[str]) -> None:
    with pytest.raises(PeriodInvalid) as refused:
        period_of(query, NOW)
    assert set(refused.value.errors) == fields


@given(
    first=st.dates(EARLIEST, NOW.date()),
    length=st.integers(0, 1829),
    later=st.integers(0, 100_000),
)
def test_any_custom_period_is_covered_by_its_steps_without_a_gap(
    first: date, length: int, later: int
) -> None:
    last = first + timedelta(days=length)
    now = NOW + timedelta(minutes=later)
    period = period_of({"since": first.isoformat(), "until": last.isoformat()}, now)
    starts = period.starts
    assert starts[0] <= period.since < starts[0] + timedelta(days=7)
    assert starts == sorted({start_of(start, period.step) for start in starts})
    assert starts[-1] < period.until
    assert period.before[1] - period.before[0] == period.elapsed > timedelta(0)
    assert len(starts) <= 263


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_address_breaks_it(period: str, month: str, since: str, until: str) -> None:
    with suppress(PeriodInvalid):
        found = asked(period=period, month=month, since=since, until=until)
        assert found.since < found.until


def test_months_are_counted_over_the_years_end() -> None:
    assert month_after(date(2026, 11, 1), 2) == date(2027, 1, 1)
    assert month_after(date(2026, 1, 1), -1) == date(2025, 12, 1)
