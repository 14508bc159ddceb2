"""Light, dark, or as the system has it: the browser's choice, kept in a cookie, so that no page flashes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from accounts.web import keep_choice

COOKIE = "tgw_theme"
THEMES = ("system", "light", "dark")


def of_request(request: HttpRequest) -> str:
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else "system"


def remember(response: HttpResponse, chosen: str) -> None:
    """Keep the choice for a year; anything that is no theme is ignored."""
    if chosen in THEMES:
        keep_choice(response, COOKIE, chosen)
