"""How often one caller may ask: counted in the cache by the minute.

With an in-memory cache each process counts for itself; several count together in Redis (``CACHE_URL``).
A cache that is away limits nobody: a record of what was spent is worth more than the limit.
"""

from __future__ import annotations

import time

import structlog
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from accounts.api.errors import too_many

MINUTE = 60
log = structlog.get_logger("gateway.api")


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
    try:
        if cache.add(name, 1, timeout=2 * MINUTE):
            return
        asked = cache.incr(name)
    except ValueError:  # it was thrown out of a full cache meanwhile
        return
    except RedisError as error:
        log.warning("rates_not_counted", error=type(error).__name__)
        return
    if asked > most:
        raise too_many(max(int((minute + 1) * MINUTE - now) + 1, 1))
