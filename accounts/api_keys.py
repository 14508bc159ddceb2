"""API keys: made with a secret that is shown once, found by it, revoked.

Kept of a secret: the prefix by which it is found, and the SHA-256 of the whole. That needs no salt and no key
of the site: 256 random bits cannot be tried out.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import unicodedata
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiKey, ApiKeySecret, User

LONGEST_LABEL = 100
_LETTERS = string.ascii_letters + string.digits
_SECRET = re.compile(r"(tgk_[0-9A-Za-z]{8})_[0-9A-Za-z]{43}")
# control characters, halves of characters, and what would break a line
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Created:
    """A new key, the prefix of its secret, and the secret itself, which nobody can show again."""

    key: ApiKey
    prefix: str
    secret_text: str


def create_key(user: User, *, label: str) -> Created:
    """Make a key with one secret.

    Raises ValidationError, which names ``label``, where that does not fit.
    """
    label = checked_label(label)
    prefix = f"tgk_{_random_letters(8)}"
    secret_text = f"{prefix}_{_random_letters(43)}"  # 62 letters and digits, 43 of them: 256 bits
    with transaction.atomic():
        key = ApiKey.objects.create(user=user, label=label)
        ApiKeySecret.objects.create(key=key, prefix=prefix, sha256=_sha256(secret_text))
    return Created(key, prefix, secret_text)


def key_of(secret_text: str) -> ApiKey | None:
    """The key to which this secret belongs, with its ``user``; None unless both may act now."""
    found = _SECRET.fullmatch(secret_text)
    if found is None:
        return None
    secret = (
        ApiKeySecret.objects.select_related("key__user")
        .filter(prefix=found[1], revoked_at=None, key__revoked_at=None, key__user__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .first()
    )
    if secret is None or not secrets.compare_digest(secret.sha256, _sha256(secret_text)):
        return None
    return secret.key


def revoke(key: ApiKey) -> None:
    """End the key with all of its secrets, for good; what it recorded stays under it."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])


def checked_label(label: str) -> str:
    """The label without space around it. Raises ValidationError, which names ``label``."""
    label = label.strip()
    if not label:
        problem = _("Give the key a label, by which you recognise it.")
    elif len(label) > LONGEST_LABEL:
        problem = _("Use at most %(longest)d characters; these are %(length)d.") % {
            "longest": LONGEST_LABEL,
            "length": len(label),
        }
    elif any(unicodedata.category(char) in _UNFIT for char in label):
        problem = _("Use one line of text, without control characters.")
    else:
        return label
    raise ValidationError({"label": problem})


def _random_letters(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _place in range(length))


def _sha256(secret_text: str) -> str:
    return hashlib.sha256(secret_text.encode()).hexdigest()
