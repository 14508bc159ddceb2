"""The time zone in which a person is shown times: the browser's own, told by a cookie that site.js sets.

Days, hours and months of the ledger stay UTC everywhere; only the moments on a page are moved.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

COOKIE = "tz"


def use_the_browsers_time_zone(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Answer within the browser's time zone, or UTC where it names none that is known here."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_named(request.COOKIES.get(COOKIE, ""))):
            return get_response(request)

    return middleware


def zone_named(name: str) -> zoneinfo.ZoneInfo | None:
    """The zone of this name; None for anything else, whatever file it would name."""
    return zoneinfo.ZoneInfo(name) if name in _known() else None


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    # "localtime" is the server's own, which is nobody's
    return frozenset(zoneinfo.available_timezones() - {"localtime"})
