"""Who calls the API: an API key in the Authorization header, or a person by the cookie of auth/verify.

The header comes first: a cookie that a browser sends along decides nothing where a key is named. A key acts
within its scopes; a person may do all of it. Changes by cookie need the CSRF token, by key none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import structlog
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from accounts import api_keys
from accounts.api import tokens
from accounts.api.errors import ApiError, not_signed_in
from accounts.api.json import require_json
from accounts.api.rates import count, count_failure
from accounts.auditing.refused_keys import note_refused
from accounts.models import ApiKey, ExchangeAccount, User
from accounts.models.api_key import Scope
from accounts.registration import account_of

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@dataclass(kw_only=True)
class Caller:
    """The person for whom a request acts, by which key (None: by the cookie), and their account."""

    user: User
    key: ApiKey | None = None
    session: tokens.Named | None = field(default=None, repr=False)

    @cached_property
    def account(self) -> ExchangeAccount:
        """The account at the configured Exchange, looked up once; it may be registered or not yet."""
        return account_of(self.user)


class ApiRequest(HttpRequest):
    """A request that was let in. For annotations only."""

    auth: Caller


class BearerKey(AuthBase):
    """An API key as a bearer token. ``scopes``: one of these is enough; none: the key is never enough."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = "An API key, tgk_…, made at /accounts/keys/ or by manage.py create_api_key."

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes
        super().__init__()

    def __call__(self, request: HttpRequest) -> Caller | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        kind, _space, text = header.partition(" ")
        key = api_keys.key_of(text.strip()) if kind.lower() == "bearer" else None
        if key is None:
            note_refused(request, text.strip())
            count_failure(request, "key")
            raise not_signed_in()
        structlog.contextvars.bind_contextvars(key_id=key.pk)
        count(f"key:{key.pk}")
        if not any(scope in key.scopes for scope in self.scopes):
            raise _out_of_scope(self.scopes)
        return Caller(user=key.user, key=key)


class SessionCookie(AuthBase):
    """The cookie that auth/verify sets; changes need the header X-CSRFToken too."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = tokens.COOKIE
    openapi_description = "Set by auth/verify. Changes also need X-CSRFToken, which auth/verify answers with."

    def __call__(self, request: HttpRequest) -> Caller | None:
        named = tokens.read(request.COOKIES.get(tokens.COOKIE, ""))
        if named is None:
            return None
        count(f"user:{named.user.pk}")
        if request.content_type in FORMS and request.META.get("CONTENT_LENGTH", "") not in ("", "0"):
            # looking for the CSRF token would read a form's body away; and none of ours is a form
            require_json(request)
        if request.method not in SAFE and check_csrf(request) is not None:
            text = _("Send the CSRF token that auth/verify answered with, as X-CSRFToken, and its cookie.")
            raise ApiError(403, "csrf", text)
        return Caller(user=named.user, session=named)


def _out_of_scope(scopes: tuple[Scope, ...]) -> ApiError:
    if not scopes:
        return ApiError(403, "person_needed", _("An API key cannot do this: sign in by auth/login."))
    text = _("This key lacks the scope: %(scopes)s.") % {"scopes": _(" or ").join(scopes)}
    return ApiError(403, "scope_missing", text)


def allowed(*scopes: Scope) -> list[Any]:
    """Keys with one of these scopes, and people."""
    return [BearerKey(*scopes), SessionCookie()]


PEOPLE: list[Any] = [BearerKey(), SessionCookie()]
"""People alone: a key is told that it cannot."""
