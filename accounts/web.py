"""What views share."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from accounts.models import User

LONGEST_PATH = 2000


class SiteRequest(HttpRequest):
    """A request as the middleware leaves it. For annotations only."""

    htmx: HtmxDetails


class SignedInRequest(SiteRequest):
    """A request behind LoginRequiredMiddleware: there is a person. For annotations only."""

    user: User


def page_of(request: HttpRequest) -> str:
    """The page of this site on which a form stood, by the Referer header; "" where it does not tell."""
    try:
        referrer = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # no URL
        return ""
    if referrer.netloc != request.get_host():
        return ""
    return local_path(referrer._replace(scheme="", netloc="", fragment="").geturl())


def local_path(url: str) -> str:
    """The URL if it is a path of this site, to which a person may be sent; else ""."""
    is_path = url.startswith("/") and len(url) <= LONGEST_PATH
    return url if is_path and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""
