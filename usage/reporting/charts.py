"""Bars of consumed and supplied tokens as an SVG takes them: across in per cent, up in pixels.

What is across is in per cent, so that one drawing fits any screen and its words keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from usage.reporting.groups import logs_at, stretch
from usage.reporting.periods import DAY, HOUR, STEPS, Period
from usage.reporting.sums import Sums

HEIGHT, TOP = 176, 12
"""Pixels of the plot, and above the highest line of its grid."""
GAP = 1
"""Pixels between what was consumed and what was supplied."""
LABELS, FEW = 10, 4
"""Captions below the bars at the most: on a wide screen, on a narrow one."""
STEPS_OF_AXIS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hour, day or week. ``x`` and ``width`` are per cent of the plot, heights and ``*_y`` pixels."""

    title: str
    sums: Sums
    url: str
    slot_x: str
    slot_width: str
    x: str
    width: str
    consumed_y: str
    consumed_height: str
    supplied_y: str
    supplied_height: str
    is_ahead: bool
    """Whether it has not begun yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A word below the bars; ``is_extra``: for wide screens only. ``anchor`` keeps it inside the plot."""

    text: str
    x: str
    anchor: str
    is_extra: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the grid, so many tokens up."""

    tokens: int
    y: str

    @property
    def label(self) -> str:
        """The tokens to as many digits as a round number needs: 1.2M, 400K."""
        for letter, power in (("Q", 15), ("T", 12), ("B", 9), ("M", 6), ("K", 3)):
            if self.tokens >= 10**power:
                return f"{self.tokens / 10**power:,.2f}".rstrip("0").rstrip(".") + letter
        return str(self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """``height`` is that of the plot, where its ground line is, in pixels."""

    step: str
    height: int
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    captions: tuple[Caption, ...]


def chart_of(
    period: Period, sums: Sequence[tuple[datetime, Sums]], now: datetime, query: dict[str, str] | None = None
) -> Chart:
    """The bars of a period; each leads to the logs of its time, narrowed by ``query``."""
    highest = max((each.tokens for _start, each in sums), default=0)
    axis = axis_of(highest)
    slot = 100 / max(len(sums), 1)
    return Chart(
        step=period.step,
        height=HEIGHT,
        bars=tuple(
            _bar(place * slot, slot, start, each, axis[-1], period, now, query or {})
            for place, (start, each) in enumerate(sums)
        ),
        lines=tuple(Line(tokens=tokens, y=_pixels(_up(tokens, axis[-1]))) for tokens in axis),
        captions=_captions(period, [start for start, _sums in sums], slot),
    )


def axis_of(highest: int) -> list[int]:
    """The lines of the grid: from zero in three or four equal round steps to what covers the highest bar."""
    if highest <= 0:
        return [0, 1]
    power = 10 ** max(len(str(-(-highest // 4))) - 1, 0)
    for factor in STEPS_OF_AXIS:
        step = int(factor * power)
        # 2.5 of ones is no whole number of tokens
        if step == factor * power and step * 4 >= highest:
            return [step * line for line in range(-(-highest // step) + 1)]
    raise AssertionError("unreachable: ten times the power is enough")


def _bar(
    x: float,
    slot: float,
    start: datetime,
    sums: Sums,
    top: int,
    period: Period,
    now: datetime,
    query: dict[str, str],
) -> Bar:
    ground = HEIGHT
    consumed, supplied = _up(sums.consumed_tokens, top), _up(sums.tokens, top)
    gap = GAP if sums.consumed_tokens and ground - supplied > 4 * GAP else 0
    end = start + STEPS[period.step]
    # a week may begin before the period and end after it
    within = stretch(max(start, period.since), min(end, period.until))
    return Bar(
        title=title_of(start, period),
        sums=sums,
        url=logs_at({**query, **within}) if sums.entries else "",
        slot_x=_share(x),
        slot_width=_share(slot),
        x=_share(x + slot * 0.12),
        width=_share(slot * 0.76),
        consumed_y=_pixels(consumed),
        consumed_height=_pixels(ground - consumed),
        supplied_y=_pixels(supplied),
        supplied_height=_pixels(max(consumed - supplied - gap, 0)),
        is_ahead=start > now,
    )


def title_of(start: datetime, period: Period) -> str:
    """What the bar stands for, in words: all of it is UTC."""
    day = date_format(start.date(), "DATE_FORMAT")
    if period.step == "hour":
        return _("%(day)s, %(from)s to %(to)s UTC") % {
            "day": day,
            "from": f"{start:%H:%M}",
            "to": f"{start + HOUR:%H:%M}",
        }
    return _("Week of %(day)s") % {"day": day} if period.step == "week" else day


def _captions(period: Period, starts: Sequence[datetime], slot: float) -> tuple[Caption, ...]:
    if not starts:
        return ()
    few = _every(len(starts), FEW)
    many = few // 2 if few % 2 == 0 else few
    if len(starts) / many > LABELS:
        many = few
    captions = []
    for place in range(0, len(starts), many):
        middle = slot * (place + 0.5)
        captions.append(
            Caption(
                text=_short(starts[place], period),
                x=_share(slot * place if place == 0 else middle),
                anchor="start" if place == 0 else "end" if middle > 97 else "middle",
                is_extra=place % few != 0,
            )
        )
    return tuple(captions)


def _every(count: int, most: int) -> int:
    step = -(-count // most)
    return step + step % 2 if step > 1 else step


def _short(start: datetime, period: Period) -> str:
    if period.step == "hour":
        is_first_of_day = start.hour == 0 and period.until - period.since > DAY
        return _day(start) if is_first_of_day else f"{start:%H:%M}"
    return _day(start)


def _day(start: datetime) -> str:
    return date_format(start.astimezone(UTC).date(), "MONTH_DAY_FORMAT")


def _up(tokens: int, top: int) -> float:
    """Where so many tokens reach, in pixels from above; what is there at all can be seen."""
    height = (HEIGHT - TOP) * tokens / top
    return HEIGHT - (max(height, 1.0) if tokens > 0 else 0.0)


def _share(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"


def _pixels(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
