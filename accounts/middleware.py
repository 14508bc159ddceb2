from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import translation
from django_htmx.http import HttpResponseClientRedirect

from accounts import language, sessions
from accounts.auditing import origin
from accounts.web import SiteRequest, local_path, page_of

Handler = Callable[[HttpRequest], HttpResponseBase]


def name_the_origin(get_response: Handler) -> Handler:
    """Let the audit trail know of each request: what happens until it is answered comes from it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with origin.of_request(request):
            return get_response(request)

    return middleware


class NoteSessionUseMiddleware:
    """Keeps "last used" of the signed-in sessions true to five minutes; what a page asks by itself is not."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not getattr(view, "is_asked_by_the_page", False):
            sessions.note_use(request)


def use_the_persons_language(get_response: Handler) -> Handler:
    """Answer in the language that the person has chosen, and a program in the one that it asks for.

    LocaleMiddleware, further out, knows the cookie and the browser's wishes alone. It names the language in
    the answer's headers, and so it is not put back here.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if wanted := language.of_request(request):
            translation.activate(wanted)
            request.LANGUAGE_CODE = wanted
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
