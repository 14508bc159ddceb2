"""The audit trail: who did what, when, from where, and whether it was refused. ``note`` is its only writer.

Called by the domain functions, in the transaction of what is noted, so that neither exists without the other;
where it came from is known by accounts.auditing.origin. Codes, secrets and memos are never handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.auditing import origin
from accounts.auditing.details import canonical
from accounts.auditing.throttle import is_first
from accounts.models import ApiKey, AuditEvent, ExchangeAccount, User
from accounts.models.audit import LONGEST_NAME, Action, Outcome, SubjectKind
from exchange.text import clean_text

log = structlog.get_logger("gateway.audit")


@dataclass(frozen=True, slots=True)
class Subject:
    """What something was done to: its kind, the number or id by which it is found, and its name."""

    kind: SubjectKind
    id: object = ""
    name: str = ""


def note(
    action: str,
    *,
    actor: User | None = None,
    email: str = "",
    account: ExchangeAccount | None = None,
    subject: Subject | str = "",
    outcome: Outcome = Outcome.DONE,
    detail: Mapping[str, Any] | None = None,
    session: UUID | None = None,
    pruned_before: datetime | None = None,
    request: HttpRequest | None = None,
) -> AuditEvent:
    """Write an event, by one INSERT; its log line follows when that is committed.

    Without ``actor`` it is who is signed in, or for whom the command acts, and ``session`` is theirs;
    ``email`` is an address that somebody named who is not signed in. ``pruned_before`` is for pruning alone.
    Raises ValueError for an action that is not in the list.
    """
    found = origin.facts(request)
    person = actor or found.actor
    about = subject if isinstance(subject, Subject) else Subject(SubjectKind.OTHER, name=subject)
    event = AuditEvent.objects.create(
        at=timezone.now(),
        action=Action(action),
        outcome=outcome,
        source=found.source,
        actor=person,
        email=(person.email if person else clean_text(email, 254)),
        account=account,
        network=found.network,
        agent=clean_text(found.agent, 80),
        session=session or found.session,
        api_key=found.api_key,
        subject_kind=about.kind if subject else "",
        subject_id=clean_text(str(about.id), 64),
        subject_name=clean_text(about.name, LONGEST_NAME),
        request_id=clean_text(found.request_id, 64),
        detail=canonical(detail or {}),
        pruned_before=pruned_before,
    )
    transaction.on_commit(lambda: _say(event))
    return event


def note_once(action: str, *, named: str = "", request: HttpRequest, **more: Any) -> None:
    """``note`` for what anybody can provoke: once an hour for each network and what it ``named``.

    However many names a network tries, and however many networks there are, an hour has only so many.
    """
    if is_first(action, origin.facts(request).network, named):
        note(action, request=request, **more)


def of_key(api_key: ApiKey) -> Subject:
    return Subject(SubjectKind.KEY, api_key.pk, api_key.label)


def of_person(user: User) -> Subject:
    return Subject(SubjectKind.PERSON, user.pk, user.email)


def of_entry(seq: int | None) -> Subject:
    """An entry by its number in the account's chain."""
    return Subject(SubjectKind.ENTRY, seq)


def rules_of(rules: Iterable[Any]) -> list[str]:
    """The identifiers alone of the rules for which an Exchange refused: its words may quote what was sent."""
    return [str(rule.id) for rule in rules]


def _say(event: AuditEvent) -> None:
    # no address and no names: log files are read by more people than the trail
    number = f":{event.subject_id}" if event.subject_id else ""
    log.info(
        "audit_event",
        action=event.action,
        outcome=event.outcome,
        source=event.source,
        event_id=event.pk,
        user_id=event.actor_id,
        subject=f"{event.subject_kind}{number}" or None,
        rules=event.rules or None,
    )
