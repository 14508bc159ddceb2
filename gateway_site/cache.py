"""The shared cache, without which the site goes on: what is kept there makes nothing true, only fast or fair.

While Redis cannot be reached, each process keeps for itself what it would have kept there: requests are then
limited per process. It is asked again every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache as DjangosRedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

AGAIN_AFTER = 5.0
"""Seconds for which a Redis that did not answer is left alone: each request would wait for it anew."""
TOLD_EVERY = 60.0
MOST = 20_000
"""Entries that a process keeps meanwhile."""

log = structlog.get_logger("gateway.cache")


class State:
    """What the threads of a process know together of one Redis."""

    def __init__(self) -> None:
        self.away_until = 0.0
        self.told_at: float | None = None
        # threads may write this at the same instant: then a line is logged twice

    def is_away(self) -> bool:
        return time.monotonic() < self.away_until

    def failed(self, error: Exception) -> None:
        """Leave it alone for a while, and log it, once a minute."""
        now = time.monotonic()
        self.away_until = now + AGAIN_AFTER
        if self.told_at is None or now - self.told_at >= TOLD_EVERY:
            self.told_at = now
            log.warning("cache_away", error=type(error).__name__)


STATES: dict[str, State] = {}


class RedisCache(DjangosRedisCache):
    """Django's, which no caller ever sees fail."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        given = params.get("OPTIONS", {})
        usual = {
            # seconds: whoever asks has a request to answer
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            # once more, at once: a connection that was kept may have been closed meanwhile
            "retry": Retry(NoBackoff(), 1),
        }
        super().__init__(server, params | {"OPTIONS": usual | given})
        name = repr(server)
        self.state = STATES.setdefault(name, State())
        local = {key: value for key, value in params.items() if key != "OPTIONS"}
        self.local = LocMemCache(f"while-away:{name}", local | {"OPTIONS": {"MAX_ENTRIES": MOST}})

    def _either(self, there: Callable[..., Any], here: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if not self.state.is_away():
            try:
                return there(*args, **named)
            except RedisError as error:
                self.state.failed(error)
        return here(*args, **named)

    def add(self, *args: Any, **named: Any) -> Any:
        return self._either(super().add, self.local.add, *args, **named)

    def get(self, *args: Any, **named: Any) -> Any:
        return self._either(super().get, self.local.get, *args, **named)

    def set(self, *args: Any, **named: Any) -> Any:
        return self._either(super().set, self.local.set, *args, **named)

    def touch(self, *args: Any, **named: Any) -> Any:
        return self._either(super().touch, self.local.touch, *args, **named)

    def delete(self, *args: Any, **named: Any) -> Any:
        return self._either(super().delete, self.local.delete, *args, **named)

    def get_many(self, *args: Any, **named: Any) -> Any:
        return self._either(super().get_many, self.local.get_many, *args, **named)

    def has_key(self, *args: Any, **named: Any) -> Any:
        return self._either(super().has_key, self.local.has_key, *args, **named)

    def incr(self, *args: Any, **named: Any) -> Any:
        return self._either(super().incr, self.local.incr, *args, **named)

    def set_many(self, *args: Any, **named: Any) -> Any:
        return self._either(super().set_many, self.local.set_many, *args, **named)

    def delete_many(self, *args: Any, **named: Any) -> Any:
        return self._either(super().delete_many, self.local.delete_many, *args, **named)

    def clear(self) -> Any:
        self.local.clear()
        return self._either(super().clear, self.local.clear)
