"""How the site runs: what its processes share, what they say, and who looks after it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from gateway_site.checks.words import is_one_process, is_this_machine
from gateway_site.databases import POSTGRESQL

ENCRYPTED = ("require", "verify-ca", "verify-full")
NOT_SHARED = (".LocMemCache", ".DummyCache")


@checks.register(deploy=True)
def check_cache(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W014: a limit that every process counts for itself is as many times higher."""
    backend = settings.CACHES["default"]["BACKEND"]
    if not settings.LIVE or not backend.endswith(NOT_SHARED) or is_one_process():
        return []
    return [
        checks.Warning(
            "CACHE_URL names no cache that web processes share: each counts requests for itself, so that "
            "limits are as many times higher.",
            hint="Set CACHE_URL to a Redis, such as redis://cache.example.com:6379/0, or WEB_CONCURRENCY=1.",
            id="gateway_site.W014",
        )
    ]


@checks.register(deploy=True)
def check_database_encryption(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W015: the ledger and its password cross the network."""
    database = settings.DATABASES["default"]
    if not settings.LIVE or database["ENGINE"] != POSTGRESQL:
        return []
    options = database.get("OPTIONS", {})
    host = str(options.get("host") or database.get("HOST") or "")
    if is_this_machine(host) or options.get("sslmode") in ENCRYPTED:
        return []
    return [
        checks.Warning(
            f"The connection to the database at {host} may be unencrypted.",
            hint="Add ?sslmode=verify-full (and sslrootcert=...) to DATABASE_URL, or require at least.",
            id="gateway_site.W015",
        )
    ]


@checks.register(deploy=True)
def check_log_level(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W016: debug lines are many, and written for who develops."""
    if not settings.LIVE or settings.TOKLIGENCE.log_level != "DEBUG":
        return []
    return [
        checks.Warning(
            "log_level is debug while environment is live.",
            hint="Set log_level (TOKLIGENCE_LOG_LEVEL) to info.",
            id="gateway_site.W016",
        )
    ]


@checks.register(deploy=True)
def check_sign_up(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W017: who signs in can register at the Exchange, and record."""
    if not settings.LIVE or settings.TOKLIGENCE.sign_up != "open":
        return []
    return [
        checks.Warning(
            "sign_up is open while environment is live: anybody with an email address gets an account.",
            hint="Set sign_up (TOKLIGENCE_SIGN_UP) to closed, or to your domain, such as @example.com.",
            id="gateway_site.W017",
        )
    ]


@checks.register(deploy=True)
def check_operator(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W018: without an operator nobody can open the admin, and nobody is told by name."""
    if not settings.LIVE or settings.TOKLIGENCE.admin_email:
        return []
    return [
        checks.Warning(
            "admin_email is not set while environment is live: nobody may open the admin.",
            hint="Set admin_email (TOKLIGENCE_ADMIN_EMAIL), then run `manage.py bootstrap`.",
            id="gateway_site.W018",
        )
    ]
