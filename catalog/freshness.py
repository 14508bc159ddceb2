"""How old the mirror is, for the pages that show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.models import Exchange
from catalog.mirror import is_older_than
from catalog.models import Mirror

PAUSE = timedelta(seconds=30)
"""After a failure no page asks by itself for so long: an Exchange in trouble is left in peace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """``as_of``: when the catalogue was last as the Exchange has it; None: it was never fetched.

    ``failure`` says why the last try after that came to nothing. ``due``: a page should have it fetched.
    ``version`` names what is kept now, and is another as soon as that may be; "" while nothing was fetched.
    """

    as_of: datetime | None
    failure: str
    failed_at: datetime | None
    due: bool
    version: str = ""


def freshness_of(exchange: Exchange) -> Freshness:
    """What is known of the mirror, without asking the Exchange."""
    mirror = Mirror.objects.filter(exchange=exchange).first() or Mirror(exchange=exchange)
    failed_lately = bool(mirror.failure and mirror.failed_at and timezone.now() - mirror.failed_at < PAUSE)
    old = is_older_than(mirror, timedelta(seconds=settings.TOKLIGENCE.catalog_max_age))
    return Freshness(
        as_of=mirror.refreshed_at,
        failure=mirror.failure,
        failed_at=mirror.failed_at,
        due=old and not failed_lately,
        version=f"{exchange.pk} {mirror.edition} {mirror.refreshed_at}" if mirror.refreshed_at else "",
    )
