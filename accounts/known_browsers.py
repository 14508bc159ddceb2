"""Which addresses a browser has signed in with before: a signed cookie of marks that tell no address.

A mark is bound to the person's ``browsers_epoch``. When a person ends all other sessions that moves on, and
no browser is known for the address any more, not even the current one, until it has signed in again.
"""

from __future__ import annotations

import secrets
from typing import TypedDict

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts.models import User

COOKIE = "tgw_browser"
SALT = "accounts.known_browsers"
MAX_AGE = 365 * 24 * 3600
ADDRESSES = 5


class Known(TypedDict):
    """What the cookie holds: the browser's identifier, and a mark for each address."""

    id: str
    marks: list[str]


def known_browser(request: HttpRequest, email: str) -> str:
    """This browser's identifier if it has signed in with this address before, else ""."""
    known = _read(request)
    # whether the database is asked depends on the cookie alone, so that it tells nothing of the address
    return known["id"] if known["marks"] and set(_marks(email)) & set(known["marks"]) else ""


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Let the browser carry the proof that it has signed in with this address; of the last five addresses."""
    known = _read(request)
    mark, *before = _marks(email)
    marks = [mark, *(other for other in known["marks"] if other not in (mark, *before))][:ADDRESSES]
    now_known = Known(id=known["id"] or secrets.token_hex(16), marks=marks)
    value = signing.dumps(now_known, salt=SALT)
    response.set_cookie(
        COOKIE, value, max_age=MAX_AGE, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def _read(request: HttpRequest) -> Known:
    try:
        known: Known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return Known(id="", marks=[])
    return known


def _marks(email: str) -> list[str]:
    """The address's mark, and those that it had under the site's keys before this one."""
    epoch = User.objects.filter(email=email).values_list("browsers_epoch", flat=True).first()
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [
        salted_hmac(SALT, f"{epoch}:{email}", secret=secret, algorithm="sha256").hexdigest()[:32]
        for secret in keys
    ]
