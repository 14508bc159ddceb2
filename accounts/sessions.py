"""A person's sessions: begun at sign-in, noted while used, listed, and ended one by one or all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, login, logout
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import audit
from accounts.browsers import browser_label
from accounts.models import Session, User
from accounts.models.audit import SubjectKind
from accounts.session_store import FACTS, SessionStore

__all__ = [
    "SessionInfo",
    "begin",
    "begin_apart",
    "browser_label",
    "end",
    "end_all",
    "end_named",
    "end_one",
    "end_others",
    "forget",
    "list_sessions",
    "named_in",
    "note_use",
    "user_of",
]

BACKEND = "accounts.backends.EmailCodeBackend"
NOTE_EVERY = timedelta(minutes=5)
LONGEST = timedelta(days=30)
"""After the sign-in a session ends, however much it is used; one that rests ends earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One line of the list of sessions; ``pk`` is its public id."""

    pk: uuid.UUID
    label: str
    network: str
    started_at: datetime | None
    seen_at: datetime | None
    is_current: bool


def begin(request: HttpRequest, user: User, *, label: str = "") -> uuid.UUID:
    """Sign this browser in: the session's key rotates, so that a key planted before is worth nothing.

    ``label`` is what its owner recognises it by, if not the browser. Returns the session's public id.
    """
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    request.session.flush()
    login(request, user, backend=BACKEND)
    public_id = uuid.uuid4()
    request.session[FACTS] = {
        "public_id": str(public_id),
        "label": label or browser_label(request),
        "network": request.META.get("REMOTE_ADDR", "")[:64],
        "started_at": now.isoformat(),
        "seen_at": now.isoformat(),
    }
    return public_id


def begin_apart(request: HttpRequest, user: User, *, label: str, lifetime: timedelta) -> uuid.UUID:
    """Begin a session that no cookie of the site carries, beside whatever session the request has."""
    own = request.session
    request.session = SessionStore()
    try:
        public_id = begin(request, user, label=label)
        request.session.set_expiry(int(lifetime.total_seconds()))
        request.session.save()
    finally:
        request.session = own
    return public_id


def user_of(public_id: uuid.UUID) -> User | None:
    """Whose session this is, if it lives and the person may act; its use is noted as ``note_use`` does."""
    now = timezone.now()
    rows = Session.objects.select_related("user").filter(public_id=public_id, expire_date__gt=now)
    row = rows.first()
    if row is None or row.user is None or not row.user.is_active:
        return None
    signed = str(row.get_decoded().get(HASH_SESSION_KEY, ""))
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(constant_time_compare(signed, row.user.session_hash(secret)) for secret in secrets):
        return None
    if row.seen_at is None or now - row.seen_at > NOTE_EVERY:
        Session.objects.filter(pk=row.pk).update(seen_at=now)
    return row.user


def end_named(public_id: uuid.UUID) -> None:
    """Sign out of the session of this public id."""
    with transaction.atomic():
        audit.note("session.closed")
        Session.objects.filter(public_id=public_id).delete()


def end(request: HttpRequest) -> None:
    """Sign this browser out."""
    with transaction.atomic():
        if isinstance(request.user, User):
            audit.note("session.closed", request=request)
        forget(request)


def forget(request: HttpRequest) -> None:
    """Let this browser be nobody, whose session has been ended already."""
    logout(request)


def named_in(request: HttpRequest) -> uuid.UUID | None:
    """The public id of this browser's session; None where nobody has signed in."""
    facts = request.session.get(FACTS)
    return uuid.UUID(facts["public_id"]) if facts else None


def note_use(request: HttpRequest) -> None:
    """Remember that this session is in use; written at most every five minutes.

    What is written lasts for SESSION_COOKIE_AGE from then on, but not beyond ``LONGEST`` after the sign-in.
    """
    facts = request.session.get(FACTS)
    if facts and timezone.now() - datetime.fromisoformat(facts["seen_at"]) > NOTE_EVERY:
        network = request.META.get("REMOTE_ADDR", "")[:64]
        request.session[FACTS] = {**facts, "seen_at": timezone.now().isoformat(), "network": network}
        left = datetime.fromisoformat(facts["started_at"]) + LONGEST - timezone.now()
        if left.total_seconds() < settings.SESSION_COOKIE_AGE:
            request.session.set_expiry(max(int(left.total_seconds()), 1))


def list_sessions(user: User, current_key: str | None) -> list[SessionInfo]:
    """This person's sessions that are still valid: the current one first, then the last used first."""
    rows = Session.objects.filter(user=user, public_id__isnull=False, expire_date__gt=timezone.now())
    infos = [
        SessionInfo(
            pk=row.public_id,
            label=row.label,
            network=row.network,
            started_at=row.started_at,
            seen_at=row.seen_at,
            is_current=row.session_key == current_key,
        )
        for row in rows.order_by("-seen_at")
        if row.public_id is not None
    ]
    return sorted(infos, key=lambda info: not info.is_current)


def end_one(user: User, public_id: uuid.UUID) -> Session:
    """End one of this person's sessions and give back what it was. Raises Http404 for anybody else's."""
    session = get_object_or_404(Session, user=user, public_id=public_id)
    with transaction.atomic():
        audit.note("session.ended", subject=audit.Subject(SubjectKind.SESSION, str(public_id), session.label))
        # not session.delete(), which takes the key off the object that is given back
        Session.objects.filter(pk=session.pk).delete()
    return session


def end_others(user: User, current_key: str | None) -> int:
    """End all of this person's sessions but the current one; returns how many there were.

    From then on no browser is a known one until it signs in again: one that was stolen is as good as new.
    """
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(browsers_epoch=F("browsers_epoch") + 1)
        others = Session.objects.filter(user=user, expire_date__gt=timezone.now())
        ended, _ = others.exclude(session_key=current_key or "").delete()
        audit.note("session.others_ended", detail={"sessions": ended})
    return ended


def end_all(user: User) -> None:
    """End all of this person's sessions, and know no browser. The epoch outdoes a session being written."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(
            session_epoch=F("session_epoch") + 1, browsers_epoch=F("browsers_epoch") + 1
        )
        ended, _ = Session.objects.filter(user=user).delete()
        audit.note("session.all_ended", subject=audit.of_person(user), detail={"sessions": ended})
