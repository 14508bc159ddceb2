from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Engine
from django.utils import timezone, translation
from django.utils.formats import date_format

from gateway_site.templatetags.figures import (
    ago,
    clock,
    day,
    entry_money,
    money,
    percent_change,
    short,
    short_hash,
    tokens,
    usd,
    usd_per_1k,
    usd_per_1m,
)

NOW = datetime(2025, 11, 23, 14, 3, 22, tzinfo=UTC)
LEDGER_HASH = "9f3c" + "0" * 56 + "b21e"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (18_420_551, "18,420,551"),
        (-12_350_000, "−12,350,000"),
        (2**63, "9,223,372,036,854,775,808"),
    ],
)
def test_it_writes_tokens_exactly_grouped_with_a_real_minus(count: int, shown: str) -> None:
    assert tokens(count) == shown


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "1,234,567"),
        ("zh-hans", "1,234,567"),
        ("de", "1.234.567"),
        ("fr", "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"),
    ],
)
def test_it_groups_as_the_language_does(language: str, shown: str) -> None:
    with translation.override(language):
        assert tokens(1_234_567).replace("\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}") == shown


@pytest.mark.parametrize(
    ("count", "brief"),
    [
        (9_999, "9,999"),
        (10_000, "10.0K"),
        (12_349, "12.3K"),
        (999_949, "999.9K"),
        (999_999, "1.00M"),
        (18_420_551, "18.42M"),
        (-12_350_000, "−12.35M"),
        (999_999_999, "1.00B"),
        (5 * 10**12, "5.00T"),
        (2**63, "9,223.37Q"),
        (-(2**63), "−9,223.37Q"),
    ],
)
def test_it_shortens_large_counts_without_overstating_the_scale(count: int, brief: str) -> None:
    assert f'aria-hidden="true">{brief}<' in short(count)


def test_it_keeps_the_exact_count_on_hover_and_for_screen_readers() -> None:
    assert short(18_420_551) == (
        '<span class="num" title="18,420,551 tokens"><span aria-hidden="true">18.42M</span>'
        '<span class="sr-only">18,420,551 tokens</span></span>'
    )


def test_it_says_one_token_in_the_singular() -> None:
    assert 'title="1 token"' in short(1)


@pytest.mark.parametrize(
    ("price", "per_1k", "per_1m"),
    [
        (Decimal(0), "$0.00", "$0.00"),
        (Decimal("0.003"), "$0.003", "$3.00"),
        (Decimal("0.0150"), "$0.015", "$15.00"),
        (Decimal("2.5000"), "$2.50", "$2,500.00"),
        (Decimal("1E+3"), "$1,000.00", "$1,000,000.00"),
        (Decimal("0.00000001"), "$0.00000001", "$0.00001"),
        (Decimal("-0.25"), "−$0.25", "−$250.00"),
        (Decimal("1." + "0" * 35 + "1"), "$1." + "0" * 35 + "1", "$1,000." + "0" * 32 + "1"),
    ],
)
def test_it_writes_prices_to_their_last_digit(price: Decimal, per_1k: str, per_1m: str) -> None:
    assert (usd_per_1k(price), usd_per_1m(price)) == (per_1k, per_1m)


@pytest.mark.parametrize("figure", [usd, usd_per_1k, usd_per_1m, percent_change, tokens, short, money])
def test_it_refuses_a_float(figure: object) -> None:
    assert callable(figure)
    with pytest.raises(TypeError, match="float"):
        figure(0.1)


def test_it_shortens_a_hash_and_keeps_it_whole_on_hover() -> None:
    assert short_hash(LEDGER_HASH) == f'<code class="hash" title="{LEDGER_HASH}">9f3c…b21e</code>'


def test_it_escapes_what_an_exchange_sent_as_a_hash() -> None:
    assert "<script>" not in short_hash("<script>alert(1)</script>")


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5, seconds=3), "5\N{NO-BREAK SPACE}minutes ago"),
        (timedelta(days=3, hours=2), "3\N{NO-BREAK SPACE}days ago"),
    ],
)
def test_it_says_how_long_ago(passed: timedelta, words: str) -> None:
    assert f">{words}</time>" in ago(NOW - passed, NOW)


def test_it_keeps_the_moment_itself_on_hover() -> None:
    shown = ago(NOW, NOW)
    assert 'datetime="2025-11-23T14:03:22+00:00"' in shown
    assert "14:03:22 UTC" in shown


def test_it_says_unknown_for_a_figure_of_something_that_is_not_there() -> None:
    engine = Engine(libraries={"figures": "gateway_site.templatetags.figures"})
    page = engine.from_string(
        "{% load figures %}{% short snapshot.net_tokens %}{{ snapshot.net_tokens|tokens }}"
    )
    assert page.render(Context({"snapshot": None})).count("unknown") == 2


@pytest.mark.parametrize(
    "figure",
    [tokens, short, usd, usd_per_1k, usd_per_1m, percent_change, short_hash, ago, clock, money, entry_money],
)
def test_it_says_unknown_where_there_is_no_figure(figure: object) -> None:
    assert callable(figure)
    unknown = '<span aria-hidden="true">–</span><span class="sr-only">unknown</span>'
    assert (figure(None), figure("")) == (unknown, unknown)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (Decimal("0.125"), "+12.5\N{NO-BREAK SPACE}%"),
        (Decimal("-0.2"), "−20.0\N{NO-BREAK SPACE}%"),
        (Decimal(0), "0\N{NO-BREAK SPACE}%"),
        (Decimal(-1), "−100.0\N{NO-BREAK SPACE}%"),
        (Decimal("1234.5"), "+123,450.0\N{NO-BREAK SPACE}%"),
        # a change that is small is none the less one
        (Decimal("0.00012345"), "+0.01\N{NO-BREAK SPACE}%"),
        (Decimal("-0.0000004"), "−0.00004\N{NO-BREAK SPACE}%"),
    ],
)
def test_it_writes_a_change_in_per_cent(share: Decimal, shown: str) -> None:
    assert percent_change(share) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(Decimal("1234.5"), "$1,234.50"), (Decimal("0.00091"), "$0.00091"), (Decimal(0), "$0.00")],
)
def test_it_writes_an_amount_to_its_last_digit(amount: Decimal, shown: str) -> None:
    assert usd(amount) == shown


@pytest.mark.parametrize(
    ("nanos", "cents", "entry", "exact"),
    [
        (0, "$0.00", "$0.0000", "$0.00 USD"),
        (57_204_999_999, "$57.20", "$57.2050", "$57.204999999 USD"),
        (-12_350_000_000, "−$12.35", "−$12.3500", "−$12.35 USD"),
        (1_234_567_890_000_000, "$1,234,567.89", "$1,234,567.8900", "$1,234,567.89 USD"),
        (2**63 - 1, "$9,223,372,036.85", "$9,223,372,036.8548", "$9,223,372,036.854775807 USD"),
        # what is less than a cent is not nothing, and half a cent is one
        (5_000_000, "$0.01", "$0.0050", "$0.005 USD"),
        (4_999_999, "&lt;$0.01", "$0.0050", "$0.004999999 USD"),
        (-1, "−&lt;$0.01", "−&lt;$0.0001", "−$0.000000001 USD"),
    ],
)
def test_it_writes_nano_dollars_short_with_the_exact_amount_on_hover(
    nanos: int, cents: str, entry: str, exact: str
) -> None:
    assert f'title="{exact}"><span aria-hidden="true">{cents}</span>' in money(nanos)
    assert f'<span aria-hidden="true">{entry}</span><span class="sr-only">{exact}<' in entry_money(nanos)


def test_it_shows_a_moment_in_the_persons_time_zone_and_names_that_on_hover() -> None:
    assert clock(NOW) == (
        '<time datetime="2025-11-23T14:03:22+00:00" title="23 Nov 2025, 14:03:22 UTC">'
        "23 Nov 2025, 14:03:22</time>"
    )
    with timezone.override(ZoneInfo("Asia/Kolkata")):
        assert ">23 Nov 2025, 19:33:22</time>" in clock(NOW)
        assert "19:33:22 Asia/Kolkata (UTC+05:30)" in clock(NOW)
        assert "19:33:22 Asia/Kolkata (UTC+05:30)" in ago(NOW, NOW)
    with timezone.override(ZoneInfo("America/New_York")):
        assert "09:03:22 America/New_York (UTC−05:00)" in clock(NOW)


def test_it_writes_a_day_as_the_language_does() -> None:
    with translation.override("zh-hans"):
        assert ">2025年11月23日 14:03:22</time>" in clock(NOW)


def test_a_day_of_this_year_is_written_without_it() -> None:
    this, other = timezone.localdate().replace(month=11, day=8), date(2019, 11, 8)
    assert day(this) == "8 Nov"
    assert day(other) == "8 Nov 2019"
    with translation.override("zh-hans"):
        assert day(this) == "11月8日"
        assert day(other) == "2019年11月8日"
    late = datetime(2019, 12, 31, 20, tzinfo=UTC)
    with timezone.override(ZoneInfo("Asia/Shanghai")):
        assert day(late) == "1 Jan 2020"


@pytest.mark.parametrize(
    ("language", "name", "written"),
    [
        ("en", "DATE_FORMAT", "8 Nov 2026"),
        ("en", "SHORT_DATE_FORMAT", "8 Nov 2026"),
        ("en", "DATETIME_FORMAT", "8 Nov 2026, 19:00:47"),
        ("en", "TIME_FORMAT", "19:00:47"),
        ("en", "MONTH_DAY_FORMAT", "8 Nov"),
        ("en", "YEAR_MONTH_FORMAT", "November 2026"),
        ("zh-hans", "DATE_FORMAT", "2026年11月8日"),
        ("zh-hans", "DATETIME_FORMAT", "2026年11月8日 19:00:47"),
        ("zh-hans", "MONTH_DAY_FORMAT", "11月8日"),
    ],
)
def test_a_date_has_one_form_in_each_language(language: str, name: str, written: str) -> None:
    with translation.override(language):
        assert date_format(datetime(2026, 11, 8, 19, 0, 47, tzinfo=UTC), name) == written
