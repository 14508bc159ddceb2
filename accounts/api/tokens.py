"""The token in the API's cookie: it names a session, and is good for as long as that lives, a day at most.

So ending the session (on the settings page, by auth/logout, for all by the operator) ends the token too.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import sessions
from accounts.models import User

COOKIE = "tgw_api"
PATH = "/api/"
LIFETIME = timedelta(hours=24)
ALGORITHM = "HS256"
LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Named:
    """The person whom a token names, and the session by which it is good."""

    user: User
    public_id: uuid.UUID


def give(response: HttpResponse, public_id: uuid.UUID) -> datetime:
    """Put a token for this session into the answer's cookie; when it ends."""
    now = timezone.now().replace(microsecond=0)
    ends = now + LIFETIME
    claims = {"sid": str(public_id), "iat": now, "exp": ends, "aud": COOKIE}
    response.set_cookie(
        COOKIE,
        jwt.encode(claims, _key(settings.SECRET_KEY), algorithm=ALGORITHM),
        max_age=int(LIFETIME.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="Strict",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return ends.astimezone(UTC)


def take_back(response: HttpResponse) -> None:
    """Let the browser forget its token."""
    response.delete_cookie(COOKIE, path=PATH, samesite="Strict")


def read(text: str) -> Named | None:
    """Whom this token names now; None for one that is false, old, or of a session that has ended."""
    if not text or len(text) > LONGEST:
        return None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            claims = jwt.decode(
                text,
                _key(secret),
                algorithms=[ALGORITHM],
                audience=COOKIE,
                options={"require": ["exp", "sid", "aud"]},
            )
            public_id = uuid.UUID(claims["sid"])
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            continue
        user = sessions.user_of(public_id)
        return Named(user, public_id) if user else None
    return None


def _key(secret: str | bytes) -> str:
    # a key of its own: nothing else that the site signs is good here
    return salted_hmac("accounts.api.tokens", "", secret=secret, algorithm="sha256").hexdigest()
