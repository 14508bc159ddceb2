"""Signing in and out. Each step is a page of its own, and a partial of it for HTMX."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect, push_url

from accounts import known_browsers, language, limits, login_codes, registration, sessions, sign_in
from accounts.failures import explain_with_rules
from accounts.forms import CodeForm, EmailForm
from accounts.web import SiteRequest, form_target, local_path


@login_not_required
@never_cache
def login(request: SiteRequest) -> HttpResponse:
    """Ask for the address, and send a code to it."""
    if request.user.is_authenticated:
        return _go(request, request.GET.get("next", ""))
    if request.method != "POST":
        return _login_page(request, EmailForm(initial={"next": request.GET.get("next", "")}))
    form = EmailForm(request.POST)
    if not form.is_valid():
        return _login_page(request, form, status=422)
    try:
        sign_in.request_code(request, form.cleaned_data["email"], form.cleaned_data["next"])
    except limits.TooManyCodesError as error:
        form.add_error(None, _too_many(error))
        return _retry_after(error, _login_page(request, form, status=429))
    except sign_in.MailNotSentError:
        form.add_error(None, _mail_not_sent())
        return _login_page(request, form, status=503)
    if not request.htmx:
        return redirect("accounts:verify")
    return push_url(_verify_page(request, CodeForm()), reverse("accounts:verify"))


@login_not_required
@never_cache
def verify(request: SiteRequest) -> HttpResponse:
    """Take the code, sign in, and see to it that the account is registered at the Exchange."""
    if request.user.is_authenticated:
        return _go(request)
    if request.method != "POST":
        return _verify_page(request, CodeForm())
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _verify_page(request, form, status=422)
    try:
        user, wanted = sign_in.use_code(request, form.cleaned_data["code"])
    except sign_in.NothingPendingError:
        return redirect("accounts:login")
    except login_codes.WrongCodeError as error:
        form.add_error("code", _wrong(error))
        return _verify_page(request, form, status=422)
    except login_codes.SpentCodeError:
        form.add_error("code", _("This code can no longer be used. Send another, and enter the newest one."))
        return _verify_page(request, form, status=422)
    problem = registration.ensure_at_sign_in(user)
    if problem is not None:
        messages.error(request, explain_with_rules(problem))
    response = _go(request, wanted)
    known_browsers.remember(request, response, user.email)
    language.settle(request, response, user)
    return response


@login_not_required
@form_target("accounts:verify")
def resend(request: SiteRequest) -> HttpResponse:
    """Send another code to the same address."""
    form = CodeForm()
    try:
        wait = sign_in.resend_code(request)
    except sign_in.NothingPendingError:
        return redirect("accounts:login")
    except limits.TooManyCodesError as error:
        return _retry_after(error, _verify_page(request, form, notice=_too_many(error), status=429))
    except sign_in.MailNotSentError:
        return _verify_page(request, form, notice=_mail_not_sent(), status=503)
    notice = "" if wait else _("We sent another code. Only the newest one works.")
    return _verify_page(request, form, notice=notice)


@login_not_required
@form_target("usage:dashboard")
def logout(request: SiteRequest) -> HttpResponse:
    response = redirect("accounts:login")
    language.forget(request, response)
    sessions.end(request)
    return response


def _login_page(request: SiteRequest, form: forms.Form, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "sign_up_note": _sign_up_note(),
        # who is refused another code may still have one that works
        "may_have_code": status == 429 and sign_in.PENDING in request.session,
    }
    return _step(request, "login", context, status)


def _verify_page(request: SiteRequest, form: forms.Form, notice: str = "", status: int = 200) -> HttpResponse:
    try:
        pending = sign_in.pending_of(request)
    except sign_in.NothingPendingError:
        return redirect("accounts:login")
    context: dict[str, Any] = {
        "form": form,
        "email": pending["email"],
        "notice": notice,
        "resend_in": login_codes.resend_in(pending["token"], timezone.now()),
        "minutes": int(login_codes.VALID_FOR.total_seconds() // 60),
        "console_mail": settings.EMAIL_ON_TERMINAL,
    }
    return _step(request, "verify", context, status)


def _step(request: SiteRequest, name: str, context: dict[str, Any], status: int) -> HttpResponse:
    """The whole page, or the part of it that HTMX swaps."""
    partial = bool(request.htmx) and not request.htmx.history_restore_request
    template = f"accounts/_{name}.html" if partial else f"accounts/{name}.html"
    response = TemplateResponse(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _go(request: SiteRequest, wanted: str = "") -> HttpResponse:
    """To the page that was asked for before signing in, if it is one of this site; else the dashboard."""
    url = local_path(wanted) or resolve_url(settings.LOGIN_REDIRECT_URL)
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def _retry_after(error: limits.TooManyCodesError, response: HttpResponse) -> HttpResponse:
    response["Retry-After"] = str(error.retry_after)
    return response


def _sign_up_note() -> str:
    policy = settings.TOKLIGENCE.sign_up
    if policy == "closed":
        return _("Only people whom the operator has added can sign in here.")
    if policy.startswith("@"):
        return _("Anybody with an address at %(domain)s can sign in here.") % {"domain": policy[1:]}
    return ""


def _too_many(error: limits.TooManyCodesError) -> str:
    minutes = -(-error.retry_after // 60)
    return ngettext(
        "Too many codes were asked for. Wait a minute, then try again; a code that you have still works.",
        "Too many codes were asked for. Wait %(minutes)d minutes, then try again; "
        "a code that you have still works.",
        minutes,
    ) % {"minutes": minutes}


def _mail_not_sent() -> str:
    return _("The email could not be sent. Nothing was lost: try again in a minute, or tell the operator.")


def _wrong(error: login_codes.WrongCodeError) -> str:
    if not error.tries_left:
        return _("That code is not right, and it was the last try. Send another code.")
    return ngettext(
        "That code is not right. One more try.",
        "That code is not right. %(left)d more tries.",
        error.tries_left,
    ) % {"left": error.tries_left}
