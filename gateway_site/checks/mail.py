"""Mail that leaves, unread, from an address that takes answers: nobody signs in without."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core import checks

from gateway_site.checks.words import is_this_machine

NO_MAIL_SERVER = (
    "gateway_site.mail.EmailBackend",
    "django.core.mail.backends.console.EmailBackend",
    "django.core.mail.backends.dummy.EmailBackend",
    "django.core.mail.backends.filebased.EmailBackend",
    "django.core.mail.backends.locmem.EmailBackend",
)
URL = "smtp+tls://user:password@mail.example.com:587/?from=gateway@example.com"


@checks.register
def check_mail(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E003: without mail nobody can sign in, and a code on the terminal is no secret."""
    if not settings.LIVE or settings.EMAIL_BACKEND not in NO_MAIL_SERVER:
        return []
    return [
        checks.Error(
            "No mail server is set while environment is live: nobody could sign in.",
            hint=f"Set EMAIL_URL, for example {URL}",
            id="gateway_site.E003",
        )
    ]


@checks.register(deploy=True)
def check_mail_is_encrypted(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W008: a sign-in code in clear signs in whoever reads it on the way."""
    if not settings.LIVE or settings.EMAIL_BACKEND in NO_MAIL_SERVER or is_this_machine(settings.EMAIL_HOST):
        return []
    if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL:
        return []
    return [
        checks.Warning(
            f"Mail goes to {settings.EMAIL_HOST} unencrypted: sign-in codes can be read on the way.",
            hint=f"Use smtp+tls:// (STARTTLS) or smtp+ssl:// in EMAIL_URL, for example {URL}",
            id="gateway_site.W008",
        )
    ]


@checks.register(deploy=True)
def check_sender(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W009: mail from an address that does not exist is thrown away by who receives it."""
    _, domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rsplit("@", 1) if _has_at() else ("", "")
    if not settings.LIVE or not is_this_machine(domain):
        return []
    return [
        checks.Warning(
            f"Mail is sent from {settings.DEFAULT_FROM_EMAIL}, which is no address on the internet.",
            hint=f"Name the sender in EMAIL_URL by ?from=, for example {URL}",
            id="gateway_site.W009",
        )
    ]


def _has_at() -> bool:
    return "@" in parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
