from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import registration
from accounts.exchanges import status_of
from accounts.failures import explain
from accounts.web import SignedInRequest
from exchange import ExchangeError
from usage import snapshots
from usage.dashboard import context_of, exchange_side
from usage.reporting.periods import DEFAULT, period_of
from usage.reporting.summary_page import Choice
from usage.summary import chain_of


@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    """Renders from what is kept here, at once; the Exchange's figures come after it, by a partial."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    titles = {"24h": _("24 h"), "7d": _("7 days"), "30d": _("30 days"), "90d": _("90 days")}
    asked = request.GET.get("period", "")
    now = timezone.now()
    period = period_of({"period": asked if asked in titles else DEFAULT}, now)
    home = reverse("usage:dashboard")
    context = {
        **context_of(account, period, now),
        "choices": [
            Choice(title, home if name == DEFAULT else f"{home}?period={name}", name == period.name)
            for name, title in titles.items()
        ],
        "stale": True,  # the partial asks the Exchange, once the page is there
        "error": "",
    }
    return TemplateResponse(request, "usage/dashboard.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
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
        **exchange_side(account, chain_of(account), kept),
        "stale": False,
        "error": error,
        "account": account,
        "exchange_status": status_of(account.exchange),
    }
    return TemplateResponse(request, "usage/_snapshot.html", context)
