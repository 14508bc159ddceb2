"""A key's secrets: their form, how they are found, and how one takes another's place.

Kept of a secret: the prefix by which it is found, and the SHA-256 of the whole. That needs no salt and no key
of the site: 256 random bits cannot be tried out.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from datetime import timedelta

from django.db.models import CharField, DateTimeField, Q
from django.utils import timezone

from accounts.models import ApiKey, ApiKeySecret
from accounts.prepared import Prepared, Slot

_LETTERS = string.ascii_letters + string.digits
_SECRET = re.compile(r"(tgk_[0-9A-Za-z]{8})_[0-9A-Za-z]{43}")
_FORM_TOKEN = re.compile(r"[0-9a-f]{32}")
NOTE_EVERY = timedelta(minutes=1)
"""How often it is written that a secret is in use."""
_NOW = Slot("now", DateTimeField())
_LIVE = Prepared(
    lambda: (
        ApiKeySecret.objects.select_related("key__user")
        .filter(prefix=Slot("prefix", CharField()), revoked_at=None)
        .filter(key__revoked_at=None, key__user__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=_NOW))
        .filter(Q(key__expires_at=None) | Q(key__expires_at__gt=_NOW))
    )
)


def add(key: ApiKey, form_token: str = "") -> tuple[ApiKeySecret, str]:  # nosec B107 - names a form
    """Give the key another secret: its row, and its text, which nobody can show again.

    Raises IntegrityError where this form has made one before.
    """
    prefix = f"tgk_{_random_letters(8)}"
    text = f"{prefix}_{_random_letters(43)}"  # 62 letters and digits, 43 of them: 256 bits
    token = form_token if _FORM_TOKEN.fullmatch(form_token) else None
    secret = ApiKeySecret.objects.create(key=key, prefix=prefix, sha256=_sha256(text), form_token=token)
    return secret, text


def made_by(form_token: str) -> ApiKeySecret | None:
    """The secret that this very form has made already."""
    if not _FORM_TOKEN.fullmatch(form_token):
        return None
    return ApiKeySecret.objects.select_related("key").filter(form_token=form_token).first()


def find(text: str) -> ApiKeySecret | None:
    """The secret with this text, with its key and that key's ``user``; None unless all may act now.

    That it is in use is noted at most once a minute.
    """
    found = _SECRET.fullmatch(text)
    if found is None:
        return None
    now = timezone.now()
    secret = _LIVE.first(prefix=found[1], now=now)
    if secret is None or not secrets.compare_digest(secret.sha256, _sha256(text)):
        return None
    if secret.last_used_at is None or now - secret.last_used_at >= NOTE_EVERY:
        before = ApiKeySecret.objects.filter(pk=secret.pk, last_used_at=secret.last_used_at)
        # of several at the same instant one writes
        before.update(last_used_at=now)
    return secret


def prefix_of(text: str) -> str:
    """The readable beginning of what has a secret's form, by which it can be found; "" for anything else."""
    found = _SECRET.fullmatch(text)
    return found[1] if found else ""


def retire(key: ApiKey, *, but: ApiKeySecret, overlap: timedelta) -> None:
    """Let every other secret of the key end after ``overlap``; one that ends sooner stays as it is."""
    ends = timezone.now() + overlap
    others = ApiKeySecret.objects.filter(key=key, revoked_at=None).exclude(pk=but.pk)
    others.filter(Q(expires_at=None) | Q(expires_at__gt=ends)).update(expires_at=ends)


def _random_letters(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _place in range(length))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
