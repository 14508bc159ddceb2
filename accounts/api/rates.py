"""How often one caller may ask, and one network fail: counted in the cache by the minute.

With an in-memory cache each process counts for itself; several count together in Redis (``CACHE_URL``).
A cache that is away limits nobody: a record of what was spent is worth more than the limit.

Only failures count against a network. Who brings a good key or a good code is let in before anything of his
network is looked at, so that no flood from next door locks him out; and nothing is written to the database.
"""

from __future__ import annotations

import time

import structlog
from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import RedisError

from accounts import counting
from accounts.api.errors import too_many
from accounts.network import network_of, wider

MINUTE = 60
FAILURES = 60
"""So many times a minute a network may bring what is good for nothing before it is told to wait."""
log = structlog.get_logger("gateway.api")


def count(caller: str) -> None:
    """Count one request of this caller. Raises ApiError (429, with Retry-After) beyond the minute's number.

    ``api_rate`` of the configuration is how many a minute has; 0: as many as there are.
    """
    most: int = settings.TOKLIGENCE.api_rate
    if not most:
        return
    _count(f"api-rate:{caller}", most)


def count_failure(request: HttpRequest, kind: str) -> None:
    """Count that what this request brought (``kind``: a key, a challenge) is good for nothing.

    Raises ApiError (429, with Retry-After) where its network has brought too many within the minute: an IPv4
    address, or an IPv6 /48, for who holds one has 65,536 networks.
    """
    _count(f"api-failures:{kind}:{wider(network_of(request))}", FAILURES)


def _count(caller: str, most: int) -> None:
    now = time.time()
    minute = int(now // MINUTE)
    name = f"{caller}:{minute}"
    try:
        asked = counting.count(name, 2 * MINUTE)
    except RedisError as error:
        log.warning("rates_not_counted", error=type(error).__name__)
        return
    if asked > most:
        raise too_many(max(int((minute + 1) * MINUTE - now) + 1, 1))
