from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import registration
from accounts.exchanges import status_of
from accounts.failures import explain
from accounts.web import SignedInRequest, asked_by_the_page
from exchange import ExchangeError
from usage import snapshots
from usage.dashboard import context_of, exchange_side
from usage.live import version_of, version_of_shell
from usage.reporting.periods import DEFAULT, Period, period_of
from usage.reporting.summary_page import Choice
from usage.summary import chain_of

PERIODS = {"24h": _("24 h"), "7d": _("7 days"), "30d": _("30 days"), "90d": _("90 days")}
"""Those that the dashboard offers, with their titles."""


@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    """Renders from what is kept here, at once; the Exchange's figures come after it, by a partial."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    now = timezone.now()
    period = period_asked(request.GET.get("period", ""), now)
    home = reverse("usage:dashboard")
    context = {
        **context_of(account, period, now, address_of_entries(request)),
        "choices": [
            Choice(str(title), home if name == DEFAULT else f"{home}?period={name}", name == period.name)
            for name, title in PERIODS.items()
        ],
        "stale": True,  # the partial asks the Exchange, once the page is there
        "error": "",
    }
    return TemplateResponse(request, "usage/dashboard.html", context)


@require_safe
@asked_by_the_page
def live(request: SignedInRequest) -> HttpResponse:
    """What an open page shows that has changed since the version ``v``; nothing (204) where nothing has.

    With ``period`` it is the dashboard that asks, else any page, for what all of them show. ``guide``: the
    way in is on the page, and its end is to be seen there.
    """
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    now = timezone.now()
    if request.GET.get("whose", str(account.pk)) != str(account.pk):
        # somebody else has signed in in this browser since the page was opened
        return HttpResponse(status=409)
    of_dashboard = "period" in request.GET
    version = version_of(account, now) if of_dashboard else version_of_shell(account)
    if request.GET.get("v") == version:
        return HttpResponse(status=204)
    context: dict[str, Any] = {"shell_only": not of_dashboard, "see_the_end": "guide" in request.GET}
    if of_dashboard:
        period = period_asked(request.GET["period"], now)
        context |= context_of(account, period, now, address_of_entries(request))
    response = TemplateResponse(request, "usage/_live.html", context)
    response["X-Version"] = version
    return response


def period_asked(name: str, now: datetime) -> Period:
    """The period of this name, if the dashboard offers it, else its usual one."""
    return period_of({"period": name if name in PERIODS else DEFAULT}, now)


def address_of_entries(request: SignedInRequest) -> str:
    """Where a program sends entries."""
    return request.build_absolute_uri(reverse("api:record"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@asked_by_the_page
def snapshot(request: SignedInRequest) -> HttpResponse:
    """Ask the Exchange for the totals: a partial for HTMX, back to the dashboard for a form without it."""
    account = registration.account_of(request.user)
    error = ""
    try:
        kept: snapshots.UsageSnapshot | None = snapshots.refresh(account, deadline=registration.PAGE_DEADLINE)
    except ExchangeError as failure:
        kept, error = snapshots.latest(account), explain(failure)
    if not request.htmx:
        if error:
            messages.error(request, error)
        return redirect("usage:dashboard")
    # read again: asking may have registered the account, and has told how the Exchange does
    account = registration.account_of(request.user)
    context = {
        **exchange_side(account, chain_of(account), kept, address_of_entries(request)),
        "stale": False,
        "error": error,
        "account": account,
        "exchange_status": status_of(account.exchange),
    }
    return TemplateResponse(request, "usage/_snapshot.html", context)
