"""What the tests of the audit trail ask of it."""

from __future__ import annotations

from typing import Any

from accounts.models import AuditEvent


def noted(*actions: str) -> list[AuditEvent]:
    """The events of these actions, or all, the oldest first."""
    events = AuditEvent.objects.select_related("actor", "account", "api_key").order_by("pk")
    return list(events.filter(action__in=actions) if actions else events)


def only(action: str) -> AuditEvent:
    """The one event of this action."""
    found = noted(action)
    assert len(found) == 1, [str(event) for event in noted()]
    return found[0]


def told(event: AuditEvent) -> dict[str, Any]:
    """What an event says of who, how and to what."""
    return {
        "source": event.source,
        "email": event.email,
        "outcome": event.outcome,
        "subject": event.subject,
        "detail": event.facts,
    }
