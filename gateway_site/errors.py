"""Error pages that Django's own handlers do not cover."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that is too old, or was sent from elsewhere. The reason is for developers: it is not shown."""
    return render(request, "403_csrf.html", status=403)
