"""Signing in: a code is asked for, sent by email, and used. One flow, one answer, whoever the address is."""

from __future__ import annotations

from datetime import datetime
from smtplib import SMTPException
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone, translation

from accounts import audit, known_browsers, language, limits, login_codes, sessions
from accounts.auditing import origin
from accounts.models import SignInAttempt, User
from accounts.models.audit import Outcome as Ended
from accounts.models.user import normalise_email
from accounts.network import network_of

log = structlog.get_logger("gateway.accounts")
Outcome = SignInAttempt.Outcome
PENDING = "sign_in"
"""Where the anonymous session keeps ``{token, email, next}`` between asking for a code and using it."""


class MailNotSentError(Exception):
    """The code could not be mailed, whoever it was for. Trying again later may help."""


class NothingPendingError(Exception):
    """This browser has not asked for a code."""


def request_code(request: HttpRequest, email: str, next_url: str = "") -> None:
    """Send a code to the address and bind it to this browser.

    An address that may not sign in gets a mail that says so: nobody but its owner learns the difference.
    Within a minute of the code that this browser was sent to the same address no other is sent, whatever the
    address. Raises limits.TooManyCodesError and MailNotSentError, each the same for every address; a code
    that this browser has from before then still works.
    """
    email = normalise_email(email)
    pending = request.session.get(PENDING) or {}
    now = timezone.now()
    if pending.get("email") == email and login_codes.resend_in(pending["token"], now):
        request.session[PENDING] = {**pending, "next": next_url}
        return
    _send(request, email, pending.get("token") or login_codes.new_browser_token(), next_url, now)


def _send(request: HttpRequest, email: str, token: str, next_url: str, now: datetime) -> None:
    send_code(request, email, token, now)
    request.session[PENDING] = {"token": token, "email": email, "next": next_url}


def send_code(request: HttpRequest, email: str, token: str, now: datetime) -> None:
    """Send a code to the (normalised) address, good only together with the token of who asked.

    Raises limits.TooManyCodesError and MailNotSentError.
    """
    try:
        attempt = limits.enter(email, network_of(request), known_browsers.known_browser(request, email), now)
    except limits.TooManyCodesError:
        _refused_once(request, "code.asked", email, "limit")
        raise
    person = User.objects.filter(email=email).first()
    welcome = _is_welcome(email, person)
    digits = login_codes.DIGITS
    if limits.is_being_guessed(email, attempt.browser, now):
        digits = login_codes.DIGITS_WHILE_GUESSED
    code = login_codes.new_code(digits)
    try:
        with translation.override(language.of_person(person) or translation.get_language()):
            _mail("code" if welcome else "no_account", email, code, request)
    except (SMTPException, OSError) as error:
        limits.close(attempt, Outcome.MAIL_FAILED)
        audit.note("code.asked", email=email, request=request, **_not_done("mail", Ended.FAILED))
        log.error("sign_in_mail_failed", error=type(error).__name__)
        raise MailNotSentError from error
    login_codes.keep(email, token, code, now, sent=welcome)
    # written for both, so that the time taken tells nothing
    limits.close(attempt, Outcome.SENT if welcome else Outcome.WITHHELD)
    audit.note("code.asked", email=email, request=request, **({} if welcome else _not_done("not_known")))


def resend_code(request: HttpRequest) -> int:
    """Send another code to the same address. Returns the seconds to wait instead, when it is too early.

    Raises NothingPendingError, and what request_code raises.
    """
    pending = pending_of(request)
    now = timezone.now()
    wait = login_codes.resend_in(pending["token"], now)
    if not wait:
        _send(request, pending["email"], pending["token"], pending["next"], now)
    return wait


def use_code(request: HttpRequest, code: str) -> tuple[User, str]:
    """Sign this browser in with the code. Returns the person, known or new, and the page that was wanted.

    Raises NothingPendingError, login_codes.WrongCodeError or login_codes.SpentCodeError.
    """
    pending = pending_of(request)
    user = redeem(request, pending["token"], pending["email"], code)
    note_signed_in(request, user, sessions.begin(request, user))
    return user, pending["next"]


def redeem(request: HttpRequest, token: str, email: str, code: str) -> User:
    """The person, known or new, whom the code lets in that was sent to the address for this token.

    Raises login_codes.WrongCodeError or login_codes.SpentCodeError.
    """
    try:
        address = login_codes.redeem(token, code, timezone.now())
    except login_codes.WrongCodeError as wrong:
        _enter(request, email, Outcome.WRONG)
        detail = {"why": "wrong_code", "tries_left": wrong.tries_left}
        audit.note("session.refused", email=email, request=request, outcome=Ended.REFUSED, detail=detail)
        raise
    except login_codes.SpentCodeError:
        # tried as often as somebody likes: nothing is sent, and nothing counted
        _refused_once(request, "session.refused", email, "spent_code")
        raise
    return _person(address, request)


def note_signed_in(request: HttpRequest, user: User, session: UUID) -> None:
    """Note that this person has signed in, for the limits, the operator and the person."""
    _enter(request, user.email, Outcome.SIGNED_IN)
    origin.acting_for(user)
    audit.note("session.began", actor=user, session=session, request=request)
    log.info("signed_in", user_id=user.pk)


def _enter(request: HttpRequest, email: str, outcome: SignInAttempt.Outcome) -> None:
    browser = known_browsers.known_browser(request, email)
    SignInAttempt.objects.create(
        at=timezone.now(), email=email, network=network_of(request), browser=browser, outcome=outcome
    )


def pending_of(request: HttpRequest) -> dict[str, str]:
    """What this browser has asked for. Raises NothingPendingError."""
    pending: dict[str, str] | None = request.session.get(PENDING)
    if not pending:
        raise NothingPendingError
    return pending


def may_sign_in(email: str) -> bool:
    """Whether this address is known and active, or ``sign_up`` lets it join."""
    return _is_welcome(email, User.objects.filter(email=email).first())


def _is_welcome(email: str, user: User | None) -> bool:
    if user is not None:
        return user.is_active
    sign_up: str = settings.TOKLIGENCE.sign_up
    return sign_up == "open" or (sign_up.startswith("@") and email.endswith(sign_up))


def _person(email: str, request: HttpRequest) -> User:
    if not may_sign_in(email):  # no longer: made inactive, or sign-up closed, since the code was sent
        _refused_once(request, "session.refused", email, "not_known")
        raise login_codes.SpentCodeError
    with transaction.atomic():
        user, created = User.objects.get_or_create(email=email)
        if created:
            audit.note("person.joined", actor=user, request=request)
    return user


def _not_done(why: str, outcome: Ended = Ended.REFUSED) -> dict[str, Any]:
    return {"outcome": outcome, "detail": {"why": why}}


def _refused_once(request: HttpRequest, action: str, email: str, why: str) -> None:
    audit.note_once(action, named=f"{why} {email}", request=request, email=email, **_not_done(why))


def _mail(kind: str, email: str, code: str, request: HttpRequest) -> None:
    middle = len(code) // 2
    context = {
        "code": f"{code[:middle]} {code[middle:]}",
        "minutes": int(login_codes.VALID_FOR.total_seconds() // 60),
        "site_url": request.build_absolute_uri("/"),
        "asked_from": request.META.get("REMOTE_ADDR", ""),
        "asked_with": sessions.browser_label(request),
    }
    subject = " ".join(render_to_string(f"accounts/email/{kind}_subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject, render_to_string(f"accounts/email/{kind}.txt", context), to=[email]
    )
    message.attach_alternative(render_to_string(f"accounts/email/{kind}.html", context), "text/html")
    message.send()
