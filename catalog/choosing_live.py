"""The catalogue brought up to date before something is chosen from it."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.exchanges import current_exchange
from accounts.failures import explain
from catalog.mirror import CatalogueError, is_older_than, mirror_of, refresh
from exchange import ExchangeError

MAX_AGE = 300
"""Seconds, where the configuration names none."""


def bring_up_to_date(*, deadline: float | None = None) -> str:
    """Refresh the configured Exchange's catalogue where it is older than ``catalog_max_age`` seconds.

    Where that fails and an older one is there, that one serves: the sentence says why, and as of when it is;
    else "". ``deadline`` is the total of seconds. Raises exchange.ExchangeError or CatalogueError where there
    is none to use.
    """
    mirror = mirror_of(current_exchange())
    if not is_older_than(mirror, timedelta(seconds=getattr(settings.TOKLIGENCE, "catalog_max_age", MAX_AGE))):
        return ""
    try:
        refresh(deadline=deadline)
    except (ExchangeError, CatalogueError) as error:
        if mirror.refreshed_at is None:
            raise
        why = explain(error) if isinstance(error, ExchangeError) else str(error)
        return _("%(why)s Chosen from the catalogue as of %(moment)s.") % {
            "why": why,
            "moment": f"{mirror.refreshed_at:%Y-%m-%d %H:%M:%S} UTC",
        }
    return ""
