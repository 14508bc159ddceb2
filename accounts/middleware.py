from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from accounts import sessions
from accounts.web import SiteRequest, local_path, page_of

Handler = Callable[[HttpRequest], HttpResponseBase]


def note_session_use(get_response: Handler) -> Handler:
    """Keep "last used" of the signed-in sessions true to five minutes."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        sessions.note_use(request)
        return get_response(request)

    return middleware


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Sends who is not signed in to the sign-in page, and afterwards back to a page that can be opened.

    That is the page on which a form or a partial stood, never the address that took it. For HTMX the whole
    window goes: a sign-in page must not be swapped into a part of another.
    """

    def handle_no_permission(  # type: ignore[override]  # HtmxMiddleware has seen the request already
        self, request: SiteRequest, view_func: Any
    ) -> HttpResponseBase:
        sign_in = resolve_url(self.get_login_url(view_func))
        field = self.get_redirect_field_name(view_func)
        response = redirect_to_login(_page_of(request), sign_in, field)
        return HttpResponseClientRedirect(response.url) if request.htmx else response


def _page_of(request: SiteRequest) -> str:
    try:
        if request.htmx:
            return local_path(request.htmx.current_url_abs_path or "")
        if request.method in ("GET", "HEAD"):
            return local_path(request.get_full_path())
    except ValueError:  # a header that is no URL
        return ""
    return page_of(request)
