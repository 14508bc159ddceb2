"""A line in the log for each request."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]
QUIET = ("/healthz", "/readyz", "/metrics")
"""Asked by machines, all day: told at level debug."""
LONGEST = 300
"""Characters of a path that are logged."""
log = structlog.get_logger("gateway.web", component="gateway/web")


def observe_requests(get_response: Handler) -> Handler:
    """Log each request: which view answered it, how, and how long it took."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - began
        path = request.path
        say = log.debug if _is_quiet(path, response.status_code) else log.info
        say(
            "http_request",
            method=request.method,
            path=path[:LONGEST],
            view=view_of(request),
            status=response.status_code,
            duration_ms=round(seconds * 1000, 1),
            bytes=_length(response),
            **_who(request),
        )
        return response

    return middleware


def view_of(request: HttpRequest) -> str:
    """The view's name, such as ``usage:dashboard``; ``static`` for a file, ``none`` without one."""
    match = request.resolver_match
    if match is not None:
        return match.view_name or "unnamed"
    return "static" if request.path.startswith(settings.STATIC_URL) else "none"


def _is_quiet(path: str, status: int) -> bool:
    # 204: an open page asked whether there is news, and there is none
    return status == 204 or path in QUIET or path.startswith(settings.STATIC_URL)


def _length(response: HttpResponseBase) -> int | None:
    """Bytes of the answer's body; None of one that is made while it is sent."""
    return len(response.content) if isinstance(response, HttpResponse) else None


def _who(request: HttpRequest) -> dict[str, int]:
    """The number of the person who asked, if it is known by now: no query is made to find out."""
    caller = getattr(request, "auth", None)
    user = getattr(caller, "user", None) or getattr(request, "_cached_user", None)
    return {"user_id": user.pk} if user is not None and user.pk else {}
