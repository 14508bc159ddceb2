"""The language of pages and mails: the person's choice, else the browser's, else what the browser asks for.

A choice is kept twice: with the person, for their mails and other browsers, and in a cookie, for the pages
before the sign-in. Programs have no choice to remember: the API answers in what each request asks for.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from accounts.web import keep_choice

AS_THE_BROWSER_ASKS = ""
API = "/api/"


def of_person(user: object) -> str:
    """What this person has chosen; "" for who leaves it to the browser, and for nobody."""
    return _offered(getattr(user, "language", ""))


def of_mail_to(user: User) -> str:
    """The language of a mail that no request of theirs has asked for."""
    return of_person(user) or settings.LANGUAGE_CODE


def of_request(request: HttpRequest) -> str:
    """The language that goes before the cookie and the browser's wishes; "" where nothing does."""
    if request.path.startswith(API) and request.path != reverse("api:openapi-view"):
        return _asked_for(request)
    return of_person(request.user)


def choice_of(request: HttpRequest) -> str:
    """What was chosen, here or elsewhere; "" where it is left to the browser."""
    return of_person(request.user) or _offered(request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""))


def choose(request: HttpRequest, response: HttpResponse, chosen: str) -> None:
    """Keep the choice, or forget it with ""; anything that is no language of ours is ignored."""
    if chosen != _offered(chosen):
        return
    _remember(response, chosen)
    if isinstance(request.user, User):
        _keep(request.user, chosen)


def settle(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """At sign-in: the person's choice becomes this browser's, and who has none takes over the browser's."""
    if chosen := of_person(user):
        _remember(response, chosen)
    elif chosen := choice_of(request):
        _keep(user, chosen)


def forget(request: HttpRequest, response: HttpResponse) -> None:
    """At sign-out: what this browser has from the person is not left for whoever comes next."""
    if of_person(request.user):
        _remember(response, AS_THE_BROWSER_ASKS)


def _keep(user: User, chosen: str) -> None:
    user.language = chosen
    user.save(update_fields=["language"])


def _remember(response: HttpResponse, chosen: str) -> None:
    if chosen == AS_THE_BROWSER_ASKS:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    else:
        keep_choice(response, settings.LANGUAGE_COOKIE_NAME, chosen)


def _offered(code: str) -> str:
    return code if code in dict(settings.LANGUAGES) else ""


def _asked_for(request: HttpRequest) -> str:
    bare = HttpRequest()  # the same wishes without the cookies
    bare.META = request.META
    return translation.get_language_from_request(bare)
