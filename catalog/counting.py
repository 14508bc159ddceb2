"""Counts over a whole catalogue, kept until it is another: fifty thousand rows are not counted twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

Counted = TypeVar("Counted")
KEPT_FOR = 600
"""Seconds; a catalogue that changed has another version, and its counts another name."""


def counted(version: str, what: str, count: Callable[[], Counted]) -> Counted:
    """What ``count`` gives for this version of a catalogue, counted once; for "", no version, each time."""
    if not version:
        return count()
    name = hashlib.sha256(f"{version}\n{what}".encode()).hexdigest()
    kept: Counted | None = cache.get(f"catalog:{name}")
    if kept is None:
        kept = count()
        cache.set(f"catalog:{name}", kept, KEPT_FOR)
    return kept
