"""How often one caller may ask: counted in the cache by the minute.

With an in-memory cache each process counts for itself; several count together in Redis (``CACHE_URL``).
"""

from __future__ import annotations

import time

from django.conf import settings
from django.core.cache import cache

from accounts.api.errors import too_many

MINUTE = 60


def count(caller: str) -> None:
    """Count one request of this caller. Raises ApiError (429, with Retry-After) beyond the minute's number.

    ``api_rate`` of the configuration is how many a minute has; 0: as many as there are.
    """
    most: int = settings.TOKLIGENCE.api_rate
    if not most:
        return
    now = time.time()
    minute = int(now // MINUTE)
    name = f"api-rate:{caller}:{minute}"
    if cache.add(name, 1, timeout=2 * MINUTE):
        return
    try:
        asked = cache.incr(name)
    except ValueError:  # it was thrown out of a full cache meanwhile
        return
    if asked > most:
        raise too_many(max(int((minute + 1) * MINUTE - now) + 1, 1))
