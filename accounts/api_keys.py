"""API keys: made with a secret that is shown once, found by it, changed, rotated, revoked.

The key is the lasting identity: its budget and its history go on whichever secret is in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.keys import secret_texts
from accounts.keys.settings import KeySettings, checked, settings_of
from accounts.models import ApiKey, ApiKeySecret, User
from exchange.fields import INT64_MAX

MOST_KEYS = 200
"""Keys of one person that are not revoked: more than people tell apart, fewer than fill a database."""
LONGEST_OVERLAP = timedelta(days=30)
EXPIRES_SOON = timedelta(days=7)
State = Literal["active", "expired", "revoked"]
log = structlog.get_logger("gateway.accounts")


class AlreadyMade(Exception):  # noqa: N818 - said of the secret
    """The same form came twice: ``key`` has the secret that the first one made, which was shown then."""

    def __init__(self, key: ApiKey) -> None:
        super().__init__(f"key {key.pk}")
        self.key = key


class KeyEnded(Exception):  # noqa: N818 - said of the key
    """A revoked key stays as it is; ``sentence`` says so."""

    def __init__(self) -> None:
        self.sentence = _("This key was revoked. Make another one.")
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Created:
    """A key, the prefix of its new secret, and the secret itself, which nobody can show again."""

    key: ApiKey
    prefix: str
    secret_text: str


def create_key(user: User, settings: KeySettings, *, form_token: str = "") -> Created:
    """Make a key with one secret.

    ``form_token`` names the form that asks: the same one makes one key. Raises ValidationError, which names
    the fields, or none where the person has ``MOST_KEYS`` already, and AlreadyMade.
    """
    settings = checked(settings)
    _refuse_repeat(user, form_token)
    try:
        with transaction.atomic():
            _refuse_too_many(user)
            key = ApiKey.objects.create(user=user, **settings.columns)
            secret, text = secret_texts.add(key, form_token)
            detail = {"prefix": secret.prefix, "scopes": key.scopes, **_budget(key)}
            audit.note("key.made", subject=audit.of_key(key), detail=detail)
    except IntegrityError:
        _refuse_repeat(user, form_token)
        raise
    log.info("api_key_created", user_id=user.pk, key_id=key.pk, prefix=secret.prefix)
    return Created(key, secret.prefix, text)


def key_of(secret_text: str) -> ApiKey | None:
    """The key to which this secret belongs, with its ``user``; None unless both may act now."""
    secret = secret_texts.find(secret_text)
    return secret.key if secret else None


def keys_of(user: User) -> list[ApiKey]:
    """This person's keys, newest first, each with its ``live_secrets`` and when it was ``used_at`` last."""
    return list(_with_secrets(ApiKey.objects.filter(user=user)).order_by("-pk"))


def own_key(user: User, number: int) -> ApiKey:
    """This person's key of that number, as ``keys_of`` gives it. Raises Http404 for anybody else's."""
    if not 0 < number <= INT64_MAX:
        raise Http404
    key = _with_secrets(ApiKey.objects.filter(user=user, pk=number)).first()
    if key is None:
        raise Http404
    return key


def update_key(key: ApiKey, settings: KeySettings) -> None:
    """Keep other settings for the key. Raises ValidationError, which names the fields, and KeyEnded."""
    settings = checked(settings, before=settings_of(key))
    columns = settings.columns
    changed = [name for name, value in columns.items() if getattr(key, name) != value]
    before = _budget(key)
    with transaction.atomic():
        if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**columns):
            raise KeyEnded
        for name, value in columns.items():
            setattr(key, name, value)
        if changed:
            _note_change(key, changed, before)
    log.info("api_key_updated", user_id=key.user_id, key_id=key.pk)


def rotate(key: ApiKey, *, overlap: timedelta, form_token: str = "") -> Created:
    """Give the key a new secret; those before it go on for ``overlap``, from zero up to 30 days.

    Raises ValidationError (``overlap``), KeyEnded, and AlreadyMade.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError({"overlap": _("The old secret may go on for 30 days at the most.")})
    _refuse_repeat(key.user, form_token)
    try:
        with transaction.atomic():
            # two rotations at once end all secrets but one of theirs
            locked = ApiKey.objects.select_for_update().filter(pk=key.pk, revoked_at=None).first()
            if locked is None:
                raise KeyEnded
            secret, text = secret_texts.add(key, form_token)
            secret_texts.retire(key, but=secret, overlap=overlap)
            detail = {"prefix": secret.prefix, "overlap_seconds": int(overlap.total_seconds())}
            audit.note("key.rotated", subject=audit.of_key(key), detail=detail)
    except IntegrityError:
        _refuse_repeat(key.user, form_token)
        raise
    log.info("api_key_rotated", user_id=key.user_id, key_id=key.pk, prefix=secret.prefix)
    return Created(key, secret.prefix, text)


def revoke(key: ApiKey) -> None:
    """End the key with all of its secrets, for good; what it recorded stays under it."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
        if ended:
            audit.note("key.revoked", subject=audit.of_key(key))
    if ended:
        log.info("api_key_revoked", user_id=key.user_id, key_id=key.pk)
    key.refresh_from_db(fields=["revoked_at"])


def state_of(key: ApiKey, now: datetime) -> State:
    """Whether the key can be used; a revoked one stays revoked, whatever its end was."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def _note_change(key: ApiKey, changed: list[str], before: dict[str, str]) -> None:
    detail: dict[str, object] = {"changed": changed}
    after = _budget(key)
    if after != before:
        detail |= {"budget_before": before.get("budget"), "budget_after": after.get("budget")}
    audit.note(
        "key.changed" if after == before else "key.budget_changed", subject=audit.of_key(key), detail=detail
    )


def _budget(key: ApiKey) -> dict[str, str]:
    """The budget in a line, as its columns have it: tokens, or nano-dollars."""
    if not key.budget_unit:
        return {}
    soft = "" if key.soft_limit is None else f", soft limit {key.soft_limit}"
    return {"budget": f"{key.budget_limit} {key.budget_unit} per {key.budget_period}{soft}"}


def _with_secrets(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    now = timezone.now()
    live = ApiKeySecret.objects.filter(revoked_at=None).exclude(expires_at__lte=now).order_by("-pk")
    keys = keys.select_related("user").annotate(used_at=Max("secrets__last_used_at"))
    return keys.prefetch_related(Prefetch("secrets", live, to_attr="live_secrets"))


def _refuse_too_many(user: User) -> None:
    # the person is locked, so that of two keys made at once the second one counts the first
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if ApiKey.objects.filter(user=user, revoked_at=None).count() >= MOST_KEYS:
        raise ValidationError(
            _(
                "There are %(most)d keys that are not revoked, which is as many as there may be. "
                "Revoke one first."
            )
            % {"most": MOST_KEYS}
        )


def _refuse_repeat(user: User, form_token: str) -> None:
    made = secret_texts.made_by(form_token)
    if made is not None and made.key.user_id == user.pk:
        raise AlreadyMade(made.key)
