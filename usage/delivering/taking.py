"""What came of entries that were taken together: for the books, for the round, and for the queue."""

from __future__ import annotations

import time
from collections.abc import Sequence

from accounts import exchanges
from accounts.models import Exchange
from usage.delivering import pause
from usage.delivering.marking import mark
from usage.delivering.outcomes import Outcome
from usage.delivering.round import Round
from usage.delivering.senders import Reported
from usage.models import Delivery

State = Delivery.State
WRITTEN_EVERY = 1.0
"""Seconds after which what is known is written down."""


class Taking:
    """What came of the entries that were taken: written down piece by piece, each once."""

    def __init__(self, exchange: Exchange, done: Round) -> None:
        self.results: list[Reported] = []
        """What is not written down yet."""
        self.goes_on = True
        self._exchange, self._done = exchange, done
        self._noted: Outcome | None = None
        self._written_at = time.monotonic()

    def look(self) -> None:
        """Write down what there is every second, and at once where it ends the round: others hear of it."""
        ends = self.goes_on and any(outcome.trouble or outcome.untried for _one, outcome in self.results)
        self.goes_on = self.goes_on and not ends
        if ends or time.monotonic() - self._written_at > WRITTEN_EVERY:
            self.write()
            pause.beat(self._exchange)

    def write(self) -> None:
        """Raises the database's errors; what was not written stays in ``results``."""
        mark(self.results)
        outcomes = [outcome for _one, outcome in self.results]
        self.results.clear()
        self._written_at = time.monotonic()
        for outcome in outcomes:
            self._done.add(outcome)
        self._conclude([outcome for outcome in outcomes if outcome.was_answered])
        exchanges.write_news()

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        troubles = [outcome for outcome in outcomes if outcome.trouble]
        if not troubles:
            if outcomes:
                draw_conclusions(self._exchange, outcomes[-1])
            return
        if any(outcome.state == State.DELIVERED for outcome in outcomes):
            pause.note_delivered(self._exchange)
        # what several have met together is one failure, and the longest time that is asked for counts
        worst = max(troubles, key=lambda outcome: outcome.retry_after or 0.0)
        if self._noted is None or (worst.retry_after or 0.0) > (self._noted.retry_after or 0.0):
            draw_conclusions(self._exchange, worst)
            self._noted = worst


def draw_conclusions(exchange: Exchange, outcome: Outcome) -> None:
    """What this answer, or its absence, means for the queue."""
    if outcome.trouble:
        pause.note_trouble(exchange, outcome.error, outcome.retry_after)
    elif outcome.was_answered:
        pause.note_answer(exchange)
    if outcome.state == State.DELIVERED:
        pause.note_delivered(exchange)
