"""Who asks a running site: ``python -m benchmarks.visiting DATABASE`` makes a session and an API key."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.databases import start_django, use


def admit(database: str) -> dict[str, Any]:
    """The owner's session cookie, a new key's secret, and how the database's connections are set.

    A database without an account gets one, and a small market. The secret that signs the session is that of
    the tests, which the site is started with too.
    """
    start_django()
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.utils import timezone

    from accounts.api_keys import create_key
    from accounts.factories import make_account
    from accounts.keys.settings import KeySettings
    from accounts.models import ExchangeAccount
    from benchmarks.ledger_data import market

    use(database)
    account = ExchangeAccount.objects.select_related("user").first()
    if account is None:
        market(timezone.now())
        account = make_account()
    client = Client()
    client.force_login(account.user)
    kept = ("ENGINE", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS", "CONN_MAX_AGE")
    return {
        "cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}",
        "key": create_key(account.user, KeySettings(label="bench")).secret_text,
        "connection": {name: connection.settings_dict[name] for name in kept},
    }


if __name__ == "__main__":
    print(json.dumps(admit(sys.argv[1])))
