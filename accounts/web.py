"""What views share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django_htmx.middleware import HtmxDetails

from accounts.models import User

LONGEST_PATH = 2000


class SiteRequest(HttpRequest):
    """A request as the middleware leaves it. For annotations only."""

    htmx: HtmxDetails


class SignedInRequest(SiteRequest):
    """A request behind LoginRequiredMiddleware: there is a person. For annotations only."""

    user: User


View = Callable[..., HttpResponse]


def form_target(page: str) -> Callable[[View], View]:
    """A view that takes a form of this page, and sends whoever comes by GET or HEAD to the page itself.

    A form that was refused leaves its own address in the browser; from there people reload, sign in and come
    back. Any other method is answered with 405.
    """

    def decorate(view: View) -> View:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, *args, **kwargs) if request.method == "POST" else redirect(page)

        return dispatch

    return decorate


def asked_by_the_page(view: View) -> View:
    """A view that an open page asks by itself, again and again: no use of the session."""
    view.is_asked_by_the_page = True  # type: ignore[attr-defined]
    return view


def page_of(request: HttpRequest) -> str:
    """The page of this site on which a form stood, by the Referer header; "" where it does not tell."""
    try:
        referrer = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # no URL
        return ""
    if referrer.netloc != request.get_host():
        return ""
    return local_path(referrer._replace(scheme="", netloc="", fragment="").geturl())


def keep_choice(response: HttpResponse, cookie: str, chosen: str) -> None:
    """Let this browser remember what was chosen, for a year; no script reads it."""
    response.set_cookie(
        cookie,
        chosen,
        max_age=365 * 24 * 3600,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def local_path(url: str) -> str:
    """The URL if it is a path of this site, to which a person may be sent; else ""."""
    is_path = url.startswith("/") and len(url) <= LONGEST_PATH
    return url if is_path and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""
