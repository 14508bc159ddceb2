"""What a person sees of the audit trail: what was done in their own name, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import AuditEvent, User
from exchange.fields import INT64_MAX

FEW, PAGE = 10, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Some of a person's events; ``older`` is the cursor for those that come after them, None at the end."""

    events: list[AuditEvent]
    older: int | None = None


def activity_of(user: User, *, before: int | None = None, most: int = PAGE) -> Activity:
    """This person's events and those of who named their address without being signed in.

    Nobody else's, also where it was done to them: that is the operator's to tell.
    """
    events = AuditEvent.objects.filter(email=user.email).select_related("api_key").order_by("-id")
    if before is not None:
        events = events.filter(pk__lt=before)
    found = list(events[: most + 1])
    return Activity(events=found[:most], older=found[most - 1].pk if len(found) > most else None)


def cursor_in(text: str) -> int | None:
    """The cursor in an address; None for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if 0 < number <= INT64_MAX else None
