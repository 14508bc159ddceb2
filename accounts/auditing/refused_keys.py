"""API keys that let nobody in: noted once an hour for each network and prefix, however often they come."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.auditing import origin
from accounts.auditing.throttle import is_first
from accounts.keys.secret_texts import prefix_of
from accounts.models import ApiKeySecret
from accounts.models.audit import Outcome


def note_refused(request: HttpRequest, secret_text: str) -> None:
    """Note that this secret was refused, and which key it begins like; of the secret only its prefix is kept.

    What has not the form of our secrets is not noted: it opens nothing, and may be another site's.
    """
    prefix = prefix_of(secret_text)
    if not prefix or not is_first("key.refused", origin.facts(request).network, prefix):
        return
    found = ApiKeySecret.objects.select_related("key__user").filter(prefix=prefix).first()
    audit.note(
        "key.refused",
        subject=audit.of_key(found.key) if found else "",
        outcome=Outcome.REFUSED,
        detail={"prefix": prefix, "why": _why(found)},
        request=request,
    )


def _why(found: ApiKeySecret | None) -> str:
    if found is None:
        return "unknown"
    now, key = timezone.now(), found.key
    if found.revoked_at or key.revoked_at:
        return "revoked"
    if any(ends is not None and ends <= now for ends in (found.expires_at, key.expires_at)):
        return "expired"
    return "wrong_secret" if key.user.is_active else "inactive"
