"""What all programs that record in these tests have in common: they work side by side, and keep promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from tests.faults.jobs import draft_of
from tests.faults.rounds import Promises
from tests.faults.site import PATIENCE

NAMES = ("service_id", "prompt_tokens", "completion_tokens", "direction", "memo")


@dataclass
class Crowd:
    """Many at work at once, each in a thread of its own, until they are told to stop."""

    promises: Promises = field(default_factory=Promises, kw_only=True)
    stopping: threading.Event = field(default_factory=threading.Event, kw_only=True)
    lock: threading.Lock = field(default_factory=threading.Lock, kw_only=True)

    @contextmanager
    def at_work(self, number: int) -> Iterator[None]:
        """So many of them, who at the exit finish what they have begun."""
        threads = [threading.Thread(target=self._work, args=[place]) for place in range(number)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads), "a client was never answered"

    def wait_for_answers(self, more: int) -> None:
        """Until so many more entries have been answered for."""
        wanted, give_up = len(self.promises.answered) + more, time.monotonic() + PATIENCE
        while len(self.promises.answered) < wanted:
            assert time.monotonic() < give_up, self.complaints()
            time.sleep(0.005)

    def complaints(self) -> object:
        """What went wrong so far, for who waits in vain."""
        raise NotImplementedError

    def _work(self, place: int) -> None:
        raise NotImplementedError


def new_entry(service_id: int) -> dict[str, object]:
    """The body of an entry that nobody has recorded yet."""
    draft = draft_of(uuid4(), service_id)
    return {"entry_id": str(draft.entry_id), **{name: getattr(draft, name) for name in NAMES}}
