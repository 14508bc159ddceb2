"""Those who record at the same instant, by one key in one process, share a transaction.

One of them writes for all who wait, as if they had sent one batch: the sums, the commit and the wait for the
disk are had once. Nobody is answered before that commit; nobody waits for others to come. Where it fails,
each is tried alone, so that one's trouble is nobody else's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import structlog

from usage.writing.appending import Writer
from usage.writing.drafts import Draft
from usage.writing.results import Result

log = structlog.get_logger("gateway.ledger")

MOST = 1000
"""Drafts in one transaction, as in the largest batch."""


@dataclass(slots=True, eq=False)
class _Request:
    """What one thread wants recorded; ``done`` once it is committed, with its results."""

    writer: Writer
    judged: Sequence[Draft | Result]
    done: bool = False
    alone: bool = False
    results: list[Result] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Desk:
    """Where the threads of this process line up that record into one book by one key."""

    writing: Lock = field(default_factory=Lock)
    waiting: deque[_Request] = field(default_factory=deque)


_desks: dict[tuple[int, int | None, str], _Desk] = {}


def append(writer: Writer, judged: Sequence[Draft | Result]) -> list[Result]:
    """``Writer.append``, for all who wait at this instant. Raises what it raises."""
    key = writer.api_key.pk if writer.api_key else None
    # one operation of a dict: whoever comes at the same instant gets the same desk
    desk = _desks.setdefault((writer.account.pk, key, writer.source), _Desk())
    mine = _Request(writer, judged)
    desk.waiting.append(mine)
    with desk.writing:
        if not mine.done and not mine.alone:  # hence still in the line
            _write(_taken(desk.waiting, mine))
        if not mine.done:
            mine.results = mine.writer.append(mine.judged)
    return mine.results


def _taken(waiting: deque[_Request], mine: _Request) -> list[_Request]:
    """Out of the line: mine, and those before all others who have room in the same transaction."""
    waiting.remove(mine)
    group, drafts = [mine], len(mine.judged)
    while waiting and drafts + len(waiting[0].judged) <= MOST:
        group.append(waiting.popleft())
        drafts += len(group[-1].judged)
    return group


def _write(group: Sequence[_Request]) -> None:
    """Write what several want, if there are several, or leave each of them to itself."""
    for one in group:
        one.alone = True
    if len(group) == 1:
        return
    offers = {number: offer for one in group for number, offer in one.writer.offers.items()}
    writer = replace(group[0].writer, offers=offers)
    try:
        results = iter(writer.append([draft for one in group for draft in one.judged]))
    except Exception:  # nothing of it was done: whose trouble it was will hear of it when it is alone
        log.warning("recording_apart", requests=len(group), exc_info=True)
        return
    for one in group:
        one.results, one.done = [next(results) for _ in one.judged], True
