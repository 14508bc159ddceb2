"""What every page shows of the books: template context."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import registration
from usage import reconciliation
from usage.models import ReconciliationRun


def open_difference(request: HttpRequest) -> dict[str, Any]:
    """``open_difference``: the run whose difference nobody has acknowledged, or None: asked only if shown."""

    def look() -> ReconciliationRun | None:
        account = registration.account_of_request(request) if hasattr(request, "user") else None
        return reconciliation.open_difference(account) if account else None

    return {"open_difference": SimpleLazyObject(look)}
