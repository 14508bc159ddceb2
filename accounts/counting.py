"""How often something happens within a while, counted in the shared cache: for limits, not for books."""

from __future__ import annotations

from django.core.cache import cache


def count(name: str, seconds: int) -> int:
    """How often this was counted since it began, this time included; it is forgotten after so many seconds.

    1 where a full cache has thrown it out meanwhile.
    """
    if cache.add(name, 1, timeout=seconds):
        return 1
    try:
        return int(cache.incr(name))
    except ValueError:
        return 1
