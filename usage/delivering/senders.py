"""Several reports under way at once: what one waits for, the others do not.

A report waits for the network far longer than it works. Threads send, and do nothing else: they ask no
database, so a worker has one connection however many they are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from accounts import exchanges
from accounts.models import Exchange
from usage.delivering.leases import CALL_SECONDS, Claimed
from usage.delivering.outcomes import Outcome
from usage.delivering.sending import report

AT_ONCE = 8
"""Reports that a worker has under way together, unless it is told otherwise."""
Reported = tuple[Claimed, Outcome]


def report_all(
    exchange: Exchange, take: Callable[[], Claimed | None], results: list[Reported], *, at_once: int
) -> Generator[None]:
    """Report what ``take`` gives until it gives None, up to ``at_once`` together; ``results`` gets each with
    its outcome before the next step.

    Only where idempotency is proved may it be more than one: a report that proves it writes that down. Close
    it: what is under way then is heard out, and stands in ``results`` too.
    """
    if at_once == 1:
        while one := take():
            results.append((one, report(one, exchange, CALL_SECONDS)))
            yield
        return
    under_way: dict[Future[Outcome], Claimed] = {}
    try:
        with ThreadPoolExecutor(at_once, thread_name_prefix="report") as threads:
            while True:
                while len(under_way) < at_once and (one := take()):
                    under_way[threads.submit(copy_context().run, _report, one, exchange)] = one
                if not under_way:
                    return
                heard = wait(under_way, return_when=FIRST_COMPLETED).done
                results.extend((under_way.pop(future), future.result()) for future in heard)
                yield
    finally:
        results += [(one, future.result()) for future, one in under_way.items() if not future.exception()]


def _report(claimed: Claimed, exchange: Exchange) -> Outcome:
    with exchanges.sending_only():
        return report(claimed, exchange, CALL_SECONDS)
