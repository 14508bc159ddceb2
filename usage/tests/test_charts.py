from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from usage.reporting.charts import FEW, HEIGHT, LABELS, TOP, Chart, Line, axis_of, chart_of
from usage.reporting.periods import Period, period_of
from usage.reporting.sums import Sums

NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)
TOKENS = st.integers(0, 2**62)


def drawn(query: dict[str, str], sums: dict[int, Sums] | None = None) -> tuple[Chart, Period]:
    """A chart of that period, with those sums at those places and nothing elsewhere."""
    period = period_of(query, NOW)
    bars = [(start, (sums or {}).get(place, Sums())) for place, start in enumerate(period.starts)]
    return chart_of(period, bars, NOW, {"service": "7"}), period


def both(consumed: int, supplied: int) -> Sums:
    return Sums(consumed_tokens=consumed, supplied_tokens=supplied, consumed_entries=1, supplied_entries=1)


@pytest.mark.parametrize(
    ("highest", "lines"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (9, [0, 5, 10]),
        (10, [0, 5, 10]),
        (100, [0, 25, 50, 75, 100]),
        (1_160_000, [0, 500_000, 1_000_000, 1_500_000]),
        (2**63, [0, 2_500 * 10**15, 5_000 * 10**15, 7_500 * 10**15, 10_000 * 10**15]),
    ],
)
def test_its_axis_begins_at_zero_and_goes_up_in_round_steps(highest: int, lines: list[int]) -> None:
    assert axis_of(highest) == lines


@given(TOKENS)
def test_any_axis_covers_the_highest_bar_and_wastes_less_than_a_step(highest: int) -> None:
    lines = axis_of(highest)
    step = lines[1]
    assert lines == [step * place for place in range(len(lines))]
    assert 2 <= len(lines) <= 5
    assert lines[-1] >= highest
    assert lines[-1] - step < max(highest, 1)


def test_the_highest_bar_ends_where_its_line_is() -> None:
    chart, _period = drawn({"period": "7d"}, {3: both(50, 50)})
    bar = chart.bars[3]
    assert (bar.consumed_y, bar.consumed_height) == ("94", "82")
    # what was supplied stands on it, a pixel above
    assert (bar.supplied_y, bar.supplied_height) == (str(TOP), "81")
    assert chart.lines[-1] == Line(tokens=100, y=str(TOP))
    assert chart.lines[0] == Line(tokens=0, y=str(HEIGHT))


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=7, max_size=7))
def test_no_bar_leaves_the_plot_and_nothing_is_drawn_where_nothing_is(tokens: list[tuple[int, int]]) -> None:
    chart, _period = drawn({"period": "7d"}, {place: both(*each) for place, each in enumerate(tokens)})
    for bar, (consumed, supplied) in zip(chart.bars, tokens, strict=True):
        assert float(bar.consumed_height) >= (1 if consumed else 0)
        assert (float(bar.consumed_height) > 0) == bool(consumed)
        assert TOP - 0.1 <= float(bar.supplied_y) <= float(bar.consumed_y) <= HEIGHT
        assert float(bar.supplied_y) + float(bar.supplied_height) <= float(bar.consumed_y) + 0.11
        if supplied and not consumed:
            assert float(bar.supplied_height) >= 1


@pytest.mark.parametrize(
    "query", [{"period": "24h"}, {"period": "7d"}, {"period": "90d"}, {"month": "2026-02"}]
)
def test_bars_fill_the_width_side_by_side(query: dict[str, str]) -> None:
    chart, period = drawn(query)
    starts = [float(bar.slot_x.removesuffix("%")) for bar in chart.bars]
    width = 100 / len(period.starts)
    assert starts == pytest.approx([width * place for place in range(len(starts))], abs=0.001)
    assert all(
        float(bar.x.removesuffix("%")) + float(bar.width.removesuffix("%")) <= 100 for bar in chart.bars
    )


@pytest.mark.parametrize(
    "query",
    [
        {"period": "24h"},
        {"period": "7d"},
        {"period": "30d"},
        {"period": "90d"},
        {"month": "2026-02"},
        {"since": "2026-11-20", "until": "2026-11-22"},
        {"since": "2022-01-01", "until": "2026-11-22"},
        {"since": "2026-11-22", "until": "2026-11-22"},
    ],
)
def test_captions_are_few_enough_to_be_read(query: dict[str, str]) -> None:
    chart, _period = drawn(query)
    assert 1 <= len([one for one in chart.captions if not one.is_extra]) <= FEW
    assert len(chart.captions) <= LABELS
    assert (chart.captions[0].anchor, chart.captions[0].x) == ("start", "0%")


def test_a_bar_says_which_time_it_is_and_leads_to_its_entries() -> None:
    chart, _period = drawn({"period": "24h"}, {0: both(1, 1)})
    bar = chart.bars[0]
    assert bar.title == "22 Nov 2026, 18:00 to 19:00 UTC"
    assert {name: one for name, (one,) in parse_qs(urlsplit(bar.url).query).items()} == {
        "service": "7",
        "since": "2026-11-22T18:00:00Z",
        "until": "2026-11-22T19:00:00Z",
    }
    assert chart.bars[1].url == ""


def test_a_weeks_entries_are_those_of_the_period() -> None:
    chart, period = drawn({"since": "2026-01-01", "until": "2026-10-31"}, {0: both(1, 1)})
    assert chart.bars[0].title == "Week of 29 Dec 2025"
    assert "since=2026-01-01" in chart.bars[0].url
    assert period.starts[0] < period.since


def test_days_that_have_not_begun_are_known_to_be_ahead() -> None:
    chart, _period = drawn({"period": "month"})
    assert [bar.is_ahead for bar in chart.bars] == [False] * 23 + [True] * 7


def test_its_words_are_the_persons_and_its_days_utc() -> None:
    from zoneinfo import ZoneInfo

    from django.utils import timezone

    with translation.override("zh-hans"), timezone.override(ZoneInfo("Pacific/Auckland")):
        chart, _period = drawn({"period": "7d"})
    assert chart.bars[0].title == "2026年11月17日"
    assert chart.captions[0].text == "11月17日"


@pytest.mark.parametrize(
    ("tokens", "label"),
    [(0, "0"), (999, "999"), (2500, "2.5K"), (1_250_000, "1.25M"), (5 * 10**9, "5B"), (2 * 10**16, "20Q")],
)
def test_a_line_is_labelled_shortly(tokens: int, label: str) -> None:
    assert Line(tokens=tokens, y="0").label == label


def test_an_empty_period_is_an_empty_plot() -> None:
    chart, _period = drawn({"period": "7d"})
    assert [line.tokens for line in chart.lines] == [0, 1]
    assert all(bar.consumed_height == bar.supplied_height == "0" for bar in chart.bars)
