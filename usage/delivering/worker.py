"""One round of the worker: alive, guarded against a restored backup, delivering, the head log kept."""

from __future__ import annotations

import time

from accounts.exchanges import current_exchange
from usage import head_log
from usage.delivering import pause
from usage.delivering.chores import Chores
from usage.delivering.due import is_anything_pending
from usage.delivering.restore import guard_restored
from usage.delivering.round import Round, Stopping
from usage.delivering.senders import AT_ONCE
from usage.delivery import deliver_due

HEADS_EVERY = 5.0
"""Seconds between two looks at the chains' heads."""


class Worker:
    """What a process that delivers remembers between two rounds; all that matters is in the database."""

    def __init__(self, *, chores: Chores | None = None, at_once: int = AT_ONCE) -> None:
        """``at_once``: reports under way together, where a repeat counts once."""
        self._chores = chores
        self._at_once = at_once
        self._heads_at: float | None = None
        self._exchange = current_exchange()

    def round(self, stop: Stopping | None = None) -> Round:
        """One unit of work. Raises the database's errors."""
        exchange = self._exchange
        pause.beat(exchange)
        done = Round()
        begins = self._heads_at is None
        if is_anything_pending(exchange):
            unsettled = guard_restored(exchange)
            done = deliver_due(exchange, stop=stop, at_once=self._at_once)
            done.uncertain += unsettled
        if begins or time.monotonic() - (self._heads_at or 0.0) >= HEADS_EVERY:
            self._heads_at = time.monotonic()
            head_log.append_heads(exchange)
        if self._chores is not None:
            self._chores.start_if_due(exchange)
        return done

    def settle_down(self) -> None:
        """Before the process ends: the heads as they are now."""
        head_log.append_heads(self._exchange, at_once=True)
