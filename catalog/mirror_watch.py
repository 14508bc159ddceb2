"""Watching the catalogue in a process that runs on: however many of them there are, one asks the Exchange."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from accounts.exchanges import current_exchange
from catalog.mirror import BusyError, CatalogueError, Refreshed, mirror_of
from catalog.models import Mirror
from catalog.watching import pause_after
from exchange import ExchangeError

DEADLINE = 30.0
"""Seconds for both lists: fifty thousand services are some ten megabytes."""
SHORTEST = 1.0
log = structlog.get_logger("gateway.catalog")


class Watch:
    """What one process remembers between two looks; what others have done since stands in the mirror.

    ``interval`` is the seconds between two fetches, whoever makes them.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._failures = 0
        self._seen: Mirror | None = None

    def look(self, refresh: Callable[..., Refreshed]) -> tuple[float, Refreshed | None]:
        """One unit of work: in how many seconds to look again, and what was fetched, if it was.

        Nothing that fails ends the watch.
        """
        try:
            return self._look(refresh)
        except Exception:
            log.exception("catalogue_watch_failed")
            self._failures += 1
            return pause_after(self._failures, self._interval), None

    def _look(self, refresh: Callable[..., Refreshed]) -> tuple[float, Refreshed | None]:
        mirror = mirror_of(current_exchange())
        if self._seen is None or _marks(mirror) != _marks(self._seen):
            left = self._left_by_others(mirror)
            self._seen = mirror
            if left > 0:
                return max(left, SHORTEST), None
        refreshed: Refreshed | None = None
        try:
            refreshed = refresh(deadline=DEADLINE, since=mirror)
            self._failures = 0
        except BusyError:
            return self._while_busy(), None
        except (ExchangeError, CatalogueError):
            self._failures += 1  # it has been logged where it was found
        self._seen = mirror_of(current_exchange())
        return pause_after(self._failures, self._interval), refreshed

    def _left_by_others(self, mirror: Mirror) -> float:
        """Seconds until it is due again, after what another process has fetched, or failed to."""
        fetched, failed = mirror.refreshed_at, mirror.failed_at if mirror.failure else None
        if failed and (fetched is None or failed > fetched):
            self._failures += self._seen is not None
            return _left(failed, pause_after(max(self._failures, 1), self._interval))
        self._failures = 0
        return _left(fetched, self._interval) if fetched else 0.0

    def _while_busy(self) -> float:
        """Somebody is at it: until it would be over, had that one died. What became of it shows then."""
        until = (
            Mirror.objects.filter(exchange=current_exchange()).values_list("leased_until", flat=True).first()
        )
        left = (until - timezone.now()).total_seconds() if until else SHORTEST
        return min(self._interval, max(left, 0.0) + SHORTEST)


def _marks(mirror: Mirror) -> tuple[datetime | None, datetime | None]:
    return mirror.refreshed_at, mirror.failed_at


def _left(since: datetime, seconds: float) -> float:
    return (since + timedelta(seconds=seconds) - timezone.now()).total_seconds()
