"""Error pages that Django's own handlers do not cover."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.views import defaults

RETRY_AFTER = 5
"""Seconds after which a program or a browser may ask again, while the database is away."""


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that is too old, or was sent from elsewhere. The reason is for developers: it is not shown."""
    return render(request, "403_csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """What went wrong here: a fault of ours (500), or a database that is away, full or locked (503).

    Wherever in the request that was found: a middleware asks for the session before any view begins. Under
    ``/api/`` a middleware puts the API's envelope in the page's place.
    """
    if not isinstance(sys.exc_info()[1], InterfaceError | OperationalError):
        return defaults.server_error(request)
    # without the request: nothing that fills in a page may ask the database again
    page = loader.get_template("503.html").render()
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER)})
