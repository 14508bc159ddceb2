"""How often codes are sent: counted in the database, so that a new session or process forgets nothing.

Somebody who asks in another's name uses up an allowance of his own network, not the other's; a browser that
has signed in with this address before has an allowance of its own, which nothing done elsewhere can touch.
One limit counts an address over all networks: it bounds what a stranger with many networks can send to one
mailbox, and he can make only browsers wait that are new to the address.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from accounts.models import SignInAttempt

Outcome = SignInAttempt.Outcome
# an attempt is entered as SENT before its mail goes out
COUNTED = (Outcome.SENT, Outcome.WITHHELD, Outcome.MAIL_FAILED)
KEPT_FOR = timedelta(days=90)
GUESSING = 20
"""Wrong codes for one address within a day, from new browsers, from which on its codes are longer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` codes within ``window`` to whatever the named fields have in common."""

    fields: tuple[str, ...]
    most: int
    window: timedelta


KNOWN_BROWSER = (Limit(("email", "browser"), 10, timedelta(minutes=15)),)
NEW_BROWSER = (
    Limit(("email", "network"), 5, timedelta(minutes=15)),
    Limit(("email", "network"), 20, timedelta(days=1)),
    Limit(("network",), 100, timedelta(hours=1)),
    Limit(("email",), 60, timedelta(hours=1)),
)


class TooManyCodesError(Exception):
    """No code is sent now; ``retry_after`` says in how many seconds one can be."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


def enter(email: str, network: str, browser: str, now: datetime) -> SignInAttempt:
    """Note that a code is asked for. ``browser`` is "" unless it has signed in with this address before.

    The attempt is entered first and counted with the others after, so that attempts at the same instant
    cannot all pass. Raises TooManyCodesError where a limit is reached; the attempt is then kept as limited.
    Attempts older than ninety days are forgotten.
    """
    SignInAttempt.objects.filter(at__lt=now - KEPT_FOR).delete()
    attempt = SignInAttempt.objects.create(
        email=email, network=network, browser=browser, at=now, outcome=Outcome.SENT
    )
    waits = [_wait(limit, attempt, now) for limit in (KNOWN_BROWSER if browser else NEW_BROWSER)]
    if any(waits):
        close(attempt, Outcome.LIMITED)
        raise TooManyCodesError(max(waits))
    return attempt


def close(attempt: SignInAttempt, outcome: SignInAttempt.Outcome) -> None:
    """Note how an attempt ended."""
    attempt.outcome = outcome
    attempt.save(update_fields=["outcome"])


def is_being_guessed(email: str, now: datetime) -> bool:
    """Whether so many wrong codes came for this address that somebody may be guessing from many networks."""
    wrong = SignInAttempt.objects.filter(
        email=email, outcome=Outcome.WRONG, browser="", at__gt=now - timedelta(days=1)
    )
    return wrong.count() >= GUESSING


def _wait(limit: Limit, attempt: SignInAttempt, now: datetime) -> int:
    same = Q(**{field: getattr(attempt, field) for field in limit.fields}) & Q(browser=attempt.browser)
    counted = SignInAttempt.objects.filter(same, outcome__in=COUNTED, at__gt=now - limit.window)
    times = list(counted.order_by("-at", "-id").values_list("at", flat=True)[: limit.most + 1])
    if len(times) <= limit.most:
        return 0
    # the oldest of the last `most` before this one has to leave the window
    free_at = times[limit.most] + limit.window
    return max(math.ceil((free_at - now).total_seconds()), 1)
