"""What anybody can provoke without being let in is noted once an hour for each: no flood fills the table.

Counted in the cache, as the API's rates are: each process for itself where the cache is its own memory.
"""

from __future__ import annotations

import hashlib
import time

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from accounts.counting import count

HOUR = 3600
MOST_OF_A_NETWORK = 20
"""Events of one kind in an hour from one network, whatever it names each time."""
MOST_OF_ALL = 500
"""Events of one kind in an hour from everywhere."""
log = structlog.get_logger("gateway.audit")


def is_first(kind: str, network: str, named: str = "") -> bool:
    """Whether this has not been noted within the hour, and neither its network nor the site has its fill."""
    hour = int(time.time() // HOUR)

    def counter(*parts: str) -> str:
        # what somebody typed may be long, or hold what no cache's key may
        return (
            f"audit:{kind}:{hour}:{hashlib.sha256(chr(0).join(parts).encode(errors='replace')).hexdigest()}"
        )

    try:
        return (
            cache.add(counter("one", network, named), 1, timeout=HOUR)
            and count(counter("network", network), HOUR) <= MOST_OF_A_NETWORK
            and count(counter("all"), HOUR) <= MOST_OF_ALL
        )
    except RedisError as error:
        log.warning("audit_not_bounded", kind=kind, error=type(error).__name__)
        return False
