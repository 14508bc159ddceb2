"""What every page shows of the account: template context."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import exchanges, registration, theme


def account_of_request(request: HttpRequest) -> dict[str, Any]:
    """``account`` and ``exchange_status`` (None for who is not signed in), ``theme`` and ``environment``."""
    account = registration.account_of_request(request) if hasattr(request, "user") else None
    return {
        "theme": theme.of_request(request),
        "environment": settings.TOKLIGENCE.environment,
        "account": account,
        "exchange_status": exchanges.status_of(account.exchange) if account else None,
    }
