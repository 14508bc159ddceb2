"""System checks that refuse to start with an unsafe or incomplete setting. Identifiers stay for ever."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

NO_MAIL_SERVER = (
    "gateway_site.mail.EmailBackend",
    "django.core.mail.backends.console.EmailBackend",
    "django.core.mail.backends.dummy.EmailBackend",
    "django.core.mail.backends.filebased.EmailBackend",
    "django.core.mail.backends.locmem.EmailBackend",
)


@checks.register
def check_secret_key(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E001: cookies are signed with SECRET_KEY, so it has no default."""
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:
        key = ""
    if len(key) >= 32 and len(set(key)) >= 8:
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
def check_debug(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E002: a debug page shows settings and code to whoever causes an error."""
    if not (settings.DEBUG and settings.LIVE):
        return []
    return [
        checks.Error("DEBUG is on while environment is live.", hint="Remove DEBUG.", id="gateway_site.E002")
    ]


@checks.register
def check_mail(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E003: without mail nobody can sign in, and a code on the terminal is no secret."""
    if not settings.LIVE or settings.EMAIL_BACKEND not in NO_MAIL_SERVER:
        return []
    return [
        checks.Error(
            "No mail server is set while environment is live: nobody could sign in.",
            hint="Set EMAIL_URL, for example "
            "smtp+tls://user:password@mail.example.com:587/?from=gateway@example.com",
            id="gateway_site.E003",
        )
    ]


@checks.register
def check_hosts(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.E004: with no host every request is refused; with any, links in mails can be forged."""
    if settings.ALLOWED_HOSTS and not (settings.LIVE and "*" in settings.ALLOWED_HOSTS):
        return []
    return [
        checks.Error(
            "ALLOWED_HOSTS does not name the hosts of this site.",
            hint="Set ALLOWED_HOSTS to a comma-separated list, for example gateway.example.com",
            id="gateway_site.E004",
        )
    ]


@checks.register
def check_exchange_url(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W001: what is said to an Exchange over plain HTTP can be read and changed on the way."""
    url = settings.TOKLIGENCE.base_url
    if not settings.LIVE or url.startswith("https://"):
        return []
    return [
        checks.Warning(
            f"base_url is {url}: plain HTTP while environment is live.",
            hint="Use the Exchange's https:// address.",
            id="gateway_site.W001",
        )
    ]


@checks.register
def check_proxies(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W002: behind a proxy that is not named, HTTPS is not seen and all visitors look alike."""
    if not settings.LIVE or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "TRUSTED_PROXIES is not set while environment is live: behind a proxy every request would be "
            "redirected to https for ever, and all visitors would share one sign-in limit.",
            hint="Set TRUSTED_PROXIES to the addresses of the proxies in front of this site, "
            "such as 10.0.0.0/8. Ignore this where gunicorn itself speaks TLS.",
            id="gateway_site.W002",
        )
    ]
