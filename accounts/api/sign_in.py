"""auth/login, auth/verify, auth/logout: a code by email, then a cookie. The code is in no answer."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema
from ninja.responses import Status
from pydantic import Field

from accounts import limits, login_codes, registration, sessions, sign_in
from accounts.api import tokens
from accounts.api.callers import PEOPLE, ApiRequest
from accounts.api.errors import ApiError, invalid
from accounts.api.json import Body
from accounts.api.profile import ProfileOut, profile_of
from accounts.api.rates import count_failure
from accounts.api.responses import BODY, refusals
from accounts.models.user import LONGEST_EMAIL, is_mailable, normalise_email

router = Router(tags=["Sign in"])


class LoginIn(Body):
    email: str = Field(max_length=LONGEST_EMAIL, examples=["ada@example.com"])


class ChallengeOut(Schema):
    """A code is on its way. The same for every address, known here or not."""

    challenge: str = Field(description="Send it back with the code: the code is good only together with it.")
    expires_at: datetime


class VerifyIn(Body):
    challenge: str = Field(max_length=200)
    code: str = Field(max_length=20, description="Six to eight digits, from the email.", examples=["482 159"])


class SignedInOut(ProfileOut):
    """Who is signed in, and what changes by the cookie need. The cookie itself is in Set-Cookie."""

    csrf_token: str = Field(description="Send it as X-CSRFToken with every POST, PATCH and DELETE.")
    expires_at: datetime


@router.post(
    "/login", response={200: ChallengeOut, **refusals(400, 415, 422, 429, 503)}, summary="Ask for a code"
)
def login(request: HttpRequest, body: LoginIn) -> ChallengeOut:
    """Send a sign-in code to the address, by email alone. It works for ten minutes, for five tries, once."""
    email = normalise_email(body.email)
    if not is_mailable(email):
        raise invalid([("email", _("Enter a valid email address."))])
    challenge, now = login_codes.new_browser_token(), timezone.now()
    try:
        sign_in.send_code(request, email, challenge, now)
    except limits.TooManyCodesError as error:
        text = _("Too many codes were asked for. Wait, then try again; a code that you have still works.")
        headers = {"Retry-After": str(error.retry_after)}
        raise ApiError(429, "too_many_codes", text, headers=headers) from error
    except sign_in.MailNotSentError as error:
        text = _("The email could not be sent. Try again in a minute, or tell the operator.")
        raise ApiError(503, "mail_not_sent", text, headers={"Retry-After": "60"}) from error
    return ChallengeOut(challenge=challenge, expires_at=now + login_codes.VALID_FOR)


@router.post("/verify", response={200: SignedInOut, **refusals(*BODY, 429)}, summary="Sign in with the code")
def verify(request: HttpRequest, response: HttpResponse, body: VerifyIn) -> SignedInOut:
    """Use the code up: the answer sets the cookie, and the account is registered at the Exchange.

    An Exchange that is away keeps nobody out: `registered` is then false, and it is registered later.
    """
    digits = "".join(char for char in body.code if char not in " -\u2013\u00a0")
    email = login_codes.address_of(body.challenge)
    try:
        user = sign_in.redeem(request, body.challenge, email, digits)
    except login_codes.WrongCodeError as error:
        left = error.tries_left
        text = _("That code is not right. Tries left: %(left)d.") % {"left": left}
        raise ApiError(422, "wrong_code", text, field="code") from error
    except login_codes.SpentCodeError as error:
        # a wrong code is counted by its challenge, and challenges by their mails; this is bounded by nothing
        count_failure(request, "challenge")
        text = _("This code can no longer be used. Ask for another by auth/login.")
        raise ApiError(422, "spent_code", text, field="code") from error
    label = _("API (%(browser)s)") % {"browser": sessions.browser_label(request)}
    public_id = sessions.begin_apart(request, user, label=label[:80], lifetime=tokens.LIFETIME)
    sign_in.note_signed_in(request, user, public_id)
    registration.ensure_at_sign_in(user)
    expires_at = tokens.give(response, public_id)
    profile = profile_of(user, registration.account_of(user))
    return SignedInOut(**profile.dict(), csrf_token=get_token(request), expires_at=expires_at)


@router.post(
    "/logout", auth=PEOPLE, response={204: None, **refusals(401, 403, 429)}, summary="End this session"
)
def logout(request: ApiRequest, response: HttpResponse) -> Status[None]:
    """End the session that the cookie names, and take the cookie back."""
    if request.auth.session is not None:
        sessions.end_named(request.auth.session.public_id)
    tokens.take_back(response)
    return Status(204, None)
