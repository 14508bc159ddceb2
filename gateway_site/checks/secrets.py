"""Keys and tokens that are long enough to be secret, and pages that show none."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from gateway_site.checks.words import is_this_machine

TOKEN_LENGTH = 24
"""Characters of a bearer token, at least: more than anybody can try."""


@checks.register
def check_secret_key(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E001: cookies are signed with SECRET_KEY, so it has no default."""
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:
        key = ""
    if is_secret(key):
        return []
    return [
        checks.Error(
            "SECRET_KEY is too short to be secret." if key else "SECRET_KEY is not set.",
            hint="Set SECRET_KEY (or SECRET_KEY_FILE) to 50 random characters. "
            "In development `make env` writes one to .env.",
            id="gateway_site.E001",
        )
    ]


@checks.register
def check_fallbacks(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E005: who guesses a key that still counts, signs as the site does.

    gateway_site.W003: a key that is listed as its own predecessor was not exchanged.
    """
    fallbacks = settings.SECRET_KEY_FALLBACKS
    if not all(is_secret(key) for key in fallbacks):
        return [
            checks.Error(
                "SECRET_KEY_FALLBACKS holds a key that is too short to be secret.",
                hint="List the keys that SECRET_KEY was before, whole, a comma between two; or remove it.",
                id="gateway_site.E005",
            )
        ]
    try:
        is_same = settings.SECRET_KEY in fallbacks
    except ImproperlyConfigured:
        return []  # said by E001
    if not is_same:
        return []
    return [
        checks.Warning(
            "SECRET_KEY_FALLBACKS holds SECRET_KEY itself: the key was not exchanged.",
            hint="Set SECRET_KEY to a new key, and leave the old one alone in SECRET_KEY_FALLBACKS.",
            id="gateway_site.W003",
        )
    ]


@checks.register
def check_metrics_token(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E006: /metrics tells whoever has the token how much is traded here."""
    token = settings.METRICS_TOKEN
    if not token or (len(token) >= TOKEN_LENGTH and len(set(token)) >= 8):
        return []
    return [
        checks.Error(
            "METRICS_TOKEN is too short to be secret.",
            hint=f"Set METRICS_TOKEN (or METRICS_TOKEN_FILE) to {TOKEN_LENGTH} random characters or more, "
            "or remove it: then /metrics is for a signed-in operator alone.",
            id="gateway_site.E006",
        )
    ]


@checks.register
def check_debug(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E002: a debug page shows settings and code to whoever causes an error."""
    if not (settings.DEBUG and settings.LIVE):
        return []
    return [
        checks.Error("DEBUG is on while environment is live.", hint="Remove DEBUG.", id="gateway_site.E002")
    ]


@checks.register(deploy=True)
def check_debug_is_private(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W004: outside live too, debug pages are for who sits at this machine."""
    others = [host for host in settings.ALLOWED_HOSTS if not is_this_machine(host)]
    if settings.LIVE or not settings.DEBUG or not others:
        return []
    return [
        checks.Warning(
            f"DEBUG is on, and the site answers for {', '.join(others)}: debug pages are shown to others.",
            hint="Remove DEBUG, or keep ALLOWED_HOSTS to localhost.",
            id="gateway_site.W004",
        )
    ]


def is_secret(key: str | bytes) -> bool:
    """Whether a key is long and varied enough to sign by."""
    return len(key) >= 32 and len(set(key)) >= 8
