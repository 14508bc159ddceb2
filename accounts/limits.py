"""How often codes are sent: counted in the database, so that a new session or process forgets nothing.

Somebody who asks in another's name uses up an allowance of his own network, not the other's. A browser that
has signed in with this address before has an allowance of its own, which nothing done elsewhere can touch. A
new browser on a network from which this address has signed in within ninety days shares only the allowance of
that address on that network.

What remains: a new browser on a network that is new to the address can be made to wait by a flood of requests
for this address from many networks, because one limit counts an address over all of them: it bounds what
strangers can send to one mailbox. On its own network a new browser can be made to wait by its neighbours:
they can use up the allowance of the address there and, where the address is new to it, that of the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from accounts.models import SignInAttempt
from accounts.network import wider

Outcome = SignInAttempt.Outcome
# an attempt is entered as SENT before its mail goes out
COUNTED = (Outcome.SENT, Outcome.WITHHELD, Outcome.MAIL_FAILED)
KEPT_FOR = timedelta(days=90)
GUESSING = 20
"""Wrong codes for an address in a day, from all new browsers or from one known, that lengthen its codes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` codes within ``window`` to whatever the named fields have in common."""

    fields: tuple[str, ...]
    most: int
    window: timedelta


KNOWN_BROWSER = (
    Limit(("email", "browser"), 10, timedelta(minutes=15)),
    Limit(("email", "browser"), 20, timedelta(days=1)),
)
KNOWN_NETWORK = (
    Limit(("email", "network"), 5, timedelta(minutes=15)),
    Limit(("email", "network"), 20, timedelta(days=1)),
)
NEW_NETWORK = (
    *KNOWN_NETWORK,
    # one customer may hold an IPv6 /48, which is 65,536 networks: less than the address may be sent in all
    Limit(("email", "wider_network"), 40, timedelta(days=1)),
    # an office behind one address, on the morning on which all of it is new here
    Limit(("network",), 300, timedelta(hours=1)),
    Limit(("wider_network",), 1000, timedelta(hours=1)),
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
        email=email,
        network=network,
        wider_network=wider(network),
        browser=browser,
        at=now,
        outcome=Outcome.SENT,
    )
    waits = [_wait(limit, attempt, now) for limit in _limits_of(attempt)]
    if any(waits):
        close(attempt, Outcome.LIMITED)
        raise TooManyCodesError(max(waits))
    return attempt


def close(attempt: SignInAttempt, outcome: SignInAttempt.Outcome) -> None:
    """Note how an attempt ended."""
    attempt.outcome = outcome
    attempt.save(update_fields=["outcome"])


def is_being_guessed(email: str, browser: str, now: datetime) -> bool:
    """Whether so many wrong codes came for this address that somebody may be guessing.

    Those of all new browsers are counted together, because their networks cost a guesser little; those of a
    known browser by themselves, so that nobody else lengthens its codes.
    """
    wrong = SignInAttempt.objects.filter(
        email=email, outcome=Outcome.WRONG, browser=browser, at__gt=now - timedelta(days=1)
    )
    return wrong.count() >= GUESSING


def _limits_of(attempt: SignInAttempt) -> tuple[Limit, ...]:
    if attempt.browser:
        return KNOWN_BROWSER
    signed_in = SignInAttempt.objects.filter(
        email=attempt.email, network=attempt.network, outcome=Outcome.SIGNED_IN
    )
    return KNOWN_NETWORK if signed_in.exists() else NEW_NETWORK


def _wait(limit: Limit, attempt: SignInAttempt, now: datetime) -> int:
    same = Q(**{field: getattr(attempt, field) for field in limit.fields}) & Q(browser=attempt.browser)
    counted = SignInAttempt.objects.filter(same, outcome__in=COUNTED, at__gt=now - limit.window)
    times = list(counted.order_by("-at", "-id").values_list("at", flat=True)[: limit.most + 1])
    if len(times) <= limit.most:
        return 0
    # the oldest of the last `most` before this one has to leave the window
    free_at = times[limit.most] + limit.window
    return max(math.ceil((free_at - now).total_seconds()), 1)
