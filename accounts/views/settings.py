"""The settings page: profile, registration at the Exchange, sessions, activity, appearance and language."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts import language as languages
from accounts import registration, sessions
from accounts import theme as themes
from accounts.auditing.activity import FEW, activity_of
from accounts.failures import explain_with_rules, failure_of
from accounts.forms import ProfileForm, ProviderForm
from accounts.profile import rename
from accounts.web import SignedInRequest, form_target, local_path, page_of
from exchange import ExchangeError


@require_safe
def settings(request: SignedInRequest) -> HttpResponse:
    return _page(request)


@form_target("accounts:settings")
def profile(request: SignedInRequest) -> HttpResponse:
    form = ProfileForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, profile_form=form)
    rename(request.user, form.cleaned_data["display_name"])
    messages.success(request, _("Your display name is saved."))
    return redirect("accounts:settings")


@form_target("accounts:settings")
def become_provider(request: SignedInRequest) -> HttpResponse:
    form = ProviderForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, enrol_form=form)
    try:
        account = registration.ensure_registered(
            request.user, provider=True, deadline=registration.PAGE_DEADLINE, **form.cleaned_data
        )
    except ExchangeError as error:
        failure = failure_of(error)
        return _page(
            request, status=failure.status, enrol_form=form, error=failure.error, rules=failure.rules
        )
    messages.success(request, _("You are a provider now: %(name)s.") % {"name": account.provider_name})
    return redirect("accounts:settings")


@form_target("accounts:settings")
def refresh(request: SignedInRequest) -> HttpResponse:
    """Ask the Exchange for the registration again, or for the first time."""
    try:
        registration.ensure_registered(request.user, deadline=registration.PAGE_DEADLINE)
    except ExchangeError as error:
        messages.error(request, explain_with_rules(error))
    else:
        messages.success(request, _("The Exchange has answered: your account is up to date."))
    return HttpResponseRedirect(_back(request, "accounts:settings"))


@form_target("accounts:settings")
def end_session(request: SignedInRequest, public_id: uuid.UUID) -> HttpResponse:
    ended = sessions.end_one(request.user, public_id)
    if ended.session_key == request.session.session_key:
        sessions.forget(request)
        return redirect("accounts:login")
    messages.success(request, _("Signed out: %(browser)s.") % {"browser": ended.label})
    return redirect("accounts:settings")


@form_target("accounts:settings")
def end_other_sessions(request: SignedInRequest) -> HttpResponse:
    ended = sessions.end_others(request.user, request.session.session_key)
    text = ngettext("Signed out in one other browser.", "Signed out in %(ended)d other browsers.", ended)
    messages.success(request, text % {"ended": ended})
    return redirect("accounts:settings")


@login_not_required
@form_target("usage:dashboard")
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark or as the system has it; open to all, because the sign-in page has a look too."""
    # the page, not the form's own word: HTMX may have put another page around the form since
    response = HttpResponseRedirect(page_of(request) or _back(request, "usage:dashboard"))
    themes.remember(response, request.POST.get("theme", ""))
    return response


@login_not_required
@form_target("usage:dashboard")
def language(request: HttpRequest) -> HttpResponse:
    """One of the site's languages, or as the browser asks; open to all, as the theme is."""
    response = HttpResponseRedirect(page_of(request) or _back(request, "usage:dashboard"))
    if (chosen := request.POST.get("language")) is not None:
        languages.choose(request, response, chosen)
    return response


def _page(
    request: SignedInRequest,
    *,
    status: int = 200,
    profile_form: ProfileForm | None = None,
    enrol_form: ProviderForm | None = None,
    **more: Any,
) -> HttpResponse:
    account = registration.account_of_request(request)
    name = request.user.display_name
    if enrol_form is None and not (account and account.is_provider):
        enrol_form = ProviderForm(initial={"display_name": name})
    context = {
        "profile_form": profile_form or ProfileForm(initial={"display_name": name}),
        "enrol_form": enrol_form,
        "language_choice": languages.choice_of(request),
        "sessions": sessions.list_sessions(request.user, request.session.session_key),
        "activity": activity_of(request.user, most=FEW),
        "this_session": sessions.named_in(request),
        **more,
    }
    return TemplateResponse(request, "accounts/settings.html", context, status=status)


def _back(request: HttpRequest, default: str) -> str:
    return local_path(request.POST.get("next", "")) or resolve_url(default)
