"""What views share."""

from __future__ import annotations

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


def local_path(url: str) -> str:
    """The URL if it is a path of this site, to which a person may be sent; else ""."""
    is_path = url.startswith("/") and len(url) <= LONGEST_PATH
    return url if is_path and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""
