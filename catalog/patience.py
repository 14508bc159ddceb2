"""One wait for several calls: a person who looks at a page waits once, not once for each."""

from __future__ import annotations

import time
from collections.abc import Callable


def shared(seconds: float | None) -> Callable[[], float | None]:
    """What is left of so many seconds, at each call; None (no limit but the client's own) stays None."""
    if seconds is None:
        return lambda: None
    ends_at = time.monotonic() + seconds
    return lambda: max(ends_at - time.monotonic(), 0.0)
