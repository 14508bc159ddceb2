"""Figures as the pages show them: tokens (counts), prices (USD per 1,000 tokens), money, hashes, moments.

Prices are Decimal from end to end: a float that finds its way here is refused with TypeError, not rounded.
A figure that is not known (None) is an en dash for the eye and the word "unknown" for a screen reader.
"""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal

from django import template
from django.utils import numberformat, timezone
from django.utils.formats import date_format, get_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

# What a tag is given where there is no figure: Django makes "" of a variable that does not exist.
Missing = Literal[""] | None

MINUS = "\N{MINUS SIGN}"
# Decimal's usual 28 digits would round a long price when it is scaled to another unit.
EXACT = Context(prec=200)
# From 10,000 on a tile shortens. Letters as in English finance; Q is 10**15, so that 2**63 still fits a tile.
SHORTEN_FROM = 10_000
SCALES = (("K", 3), ("M", 6), ("B", 9), ("T", 12))
LARGEST = ("Q", 15)
HASH_SHOWN_WHOLE = 12  # characters
CENTS, ENTRY = 2, 4  # decimal places: of totals, of a single entry


@register.filter
def tokens(value: int | Missing) -> str:
    """The exact count of tokens, grouped by the language's separator, with a real minus sign."""
    return unknown() if value is None or value == "" else _grouped(_whole(value))


@register.simple_tag
def short(value: int | Missing) -> str:
    """A count of tokens for a tile: 18.42M, the exact figure on hover and for screen readers."""
    if value is None or value == "":
        return unknown()
    exact = ngettext("%(count)s token", "%(count)s tokens", abs(_whole(value))) % {"count": _grouped(value)}
    brief = _brief(value)
    return format_html(
        '<span class="num" title="{}"><span aria-hidden="true">{}</span>'
        '<span class="sr-only">{}</span></span>',
        exact,
        brief,
        exact,
    )


@register.filter
def usd_per_1k(price: Decimal | Missing) -> str:
    """A price in USD per 1,000 tokens, to its last digit and at least to the cent."""
    return unknown() if price is None or price == "" else _usd(price)


@register.filter
def usd_per_1m(price: Decimal | Missing) -> str:
    """The same price (given in USD per 1,000 tokens) as USD per 1,000,000 tokens, exactly."""
    return unknown() if price is None or price == "" else _usd(_exact(price).scaleb(3, EXACT))


@register.filter
def usd(amount: Decimal | Missing) -> str:
    """An amount in USD, to its last digit and at least to the cent."""
    return unknown() if amount is None or amount == "" else _usd(amount)


@register.simple_tag
def money(nanos: int | Missing, places: int = CENTS) -> str:
    """Nano-dollars as an amount in USD: totals to the cent, exact on hover and for screen readers."""
    if nanos is None or nanos == "":
        return unknown()
    amount = Decimal(_whole(nanos)).scaleb(-9, EXACT)
    exact = f"{_usd(amount)} USD"
    return format_html(
        '<span class="num" title="{}"><span aria-hidden="true">{}</span>'
        '<span class="sr-only">{}</span></span>',
        exact,
        _rounded(amount, places),
        exact,
    )


@register.simple_tag
def entry_money(nanos: int | Missing) -> str:
    """Nano-dollars of a single entry: the same to four places, because most are a part of a cent."""
    return money(nanos, ENTRY)


@register.filter
def percent_change(share: Decimal | Missing) -> str:
    """A change given as a share of what was before (0.125) as +12.5 %, to a tenth of a per cent."""
    if share is None or share == "":
        return unknown()
    percent = _exact(share).scaleb(2, EXACT)
    # a change too small for a tenth is not none
    step = Decimal("0.1") if abs(percent) >= Decimal("0.05") else Decimal(1).scaleb(percent.adjusted())
    rounded = percent.quantize(step, ROUND_HALF_UP, EXACT)
    return f"{'+' if rounded > 0 else ''}{_grouped(rounded)}\N{NO-BREAK SPACE}%"


@register.filter
def short_hash(value: str | Missing) -> str:
    """A hash as 9f3c…b21e, whole on hover."""
    if not value:
        return unknown()
    shown = value if len(value) <= HASH_SHOWN_WHOLE else f"{value[:4]}…{value[-4:]}"
    return format_html('<code class="hash" title="{}">{}</code>', value, shown)


@register.simple_tag
def ago(moment: datetime | Missing, now: datetime | None = None) -> str:
    """How long ago, in words; the moment itself, in the site's time zone, on hover and for machines."""
    if moment is None or moment == "":
        return unknown()
    passed = (now or timezone.now()) - moment
    words = (
        _("just now")
        if passed < timedelta(minutes=1)
        else _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
    )
    return _time(moment, words)


@register.simple_tag
def clock(moment: datetime | Missing) -> str:
    """The moment to the second, in the person's time zone, which is named on hover: 23 Nov 2026, 09:41:12."""
    if moment is None or moment == "":
        return unknown()
    return _time(moment, date_format(timezone.localtime(moment), "DATETIME_FORMAT"))


@register.filter
def day(moment: date) -> str:
    """The day, in the person's time zone, for a table: without the year where that is this one."""
    today = timezone.localdate()
    local = timezone.localtime(moment).date() if isinstance(moment, datetime) else moment
    return date_format(local, "MONTH_DAY_FORMAT" if local.year == today.year else "DATE_FORMAT")


def unknown() -> SafeString:
    """What stands for a figure that nobody has."""
    return format_html('<span aria-hidden="true">–</span><span class="sr-only">{}</span>', _("unknown"))


def _time(moment: datetime, words: str) -> SafeString:
    local = timezone.localtime(moment)
    exact = f"{date_format(local, 'DATETIME_FORMAT')} {_zone(local)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, words)


def _zone(local: datetime) -> str:
    """UTC, or the place with its distance from there: CST alone would be three different times."""
    name, offset = timezone.get_current_timezone_name(), f"{local:%z}"
    return name if name == "UTC" else f"{name} (UTC{offset[:3].replace('-', MINUS)}:{offset[3:5]})"


def _brief(count: int) -> str:
    """The count to four digits at the most: −12.35M, 12.3K, 9,999."""
    size = abs(count)
    if size < SHORTEN_FROM:
        return _grouped(count)
    # the first scale whose rounded figure stays below a thousand: 999,999 is 1.00M, never 1,000.0K
    letter, power = next((scale for scale in SCALES if _scaled(size, scale[1]) < 1000), LARGEST)
    scaled = _scaled(size, power)
    return f"{_grouped(scaled if count > 0 else -scaled)}{letter}"


def _scaled(size: int, power: int) -> Decimal:
    step = Decimal("0.1") if power == 3 else Decimal("0.01")
    return Decimal(size).scaleb(-power).quantize(step, ROUND_HALF_UP)


def _usd(price: Decimal) -> str:
    # copy_abs, because abs() rounds to the context's 28 digits
    plain = f"{_exact(price).copy_abs():f}"
    whole, _point, cents = plain.partition(".")
    figure = _grouped(Decimal(f"{whole}.{cents.rstrip('0'):0<2}"))
    return f"{MINUS if price < 0 else ''}${figure}"


def _rounded(amount: Decimal, places: int) -> str:
    """To so many places; an amount that is less than the last of them is not nothing."""
    least = Decimal(1).scaleb(-places)
    rounded = amount.quantize(least, ROUND_HALF_UP, EXACT)
    if amount and not rounded:
        return f"{MINUS if amount < 0 else ''}<${least}"
    return f"{MINUS if rounded < 0 else ''}${_grouped(rounded.copy_abs())}"


def _exact(price: object) -> Decimal:
    if isinstance(price, bool) or not isinstance(price, Decimal | int):
        raise TypeError(f"a price is a Decimal, not {type(price).__name__}")
    return Decimal(price)


def _whole(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"tokens are counted in whole numbers, not {type(count).__name__}")
    return count


def _grouped(number: int | Decimal) -> str:
    separator = get_format("THOUSAND_SEPARATOR")
    if isinstance(number, int):
        # a page has hundreds of them: Django's own way, for any grouping there is, takes ten times as long
        return f"{number:,}".replace(",", separator).replace("-", MINUS)
    text = numberformat.format(
        number,
        get_format("DECIMAL_SEPARATOR"),
        grouping=3,
        thousand_sep=separator,
        force_grouping=True,
    )
    return str(text).replace("-", MINUS)
