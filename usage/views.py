from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import registration
from accounts.exchanges import status_of
from accounts.failures import Failure, explain, failure_of
from accounts.web import SignedInRequest
from catalog import choices
from exchange import ExchangeError, ExchangeRejected, GatewayError
from usage import snapshots
from usage.dashboard import next_steps
from usage.forms import RecordForm
from usage.recording import record_usage

RECORDING = 6.0
"""Seconds that a report may take: more patient than a page, because a report that is cut off is in doubt."""
AFTERWARDS = 2.0
"""Seconds that a person waits for new totals after usage was recorded."""


@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    """Renders from what is kept here, at once; the fresh figures come after it, by the snapshot partial."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    kept = snapshots.latest(account)
    context = {
        "snapshot": kept,
        "stale": True,  # the partial asks the Exchange, once the page is there
        "error": "",
        "steps": next_steps(account, kept),
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
        "snapshot": kept,
        "stale": False,
        "error": error,
        "account": account,
        "exchange_status": status_of(account.exchange),
        "steps": next_steps(account, kept),
    }
    return TemplateResponse(request, "usage/_snapshot.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def record(request: SignedInRequest) -> HttpResponse:
    """Record usage by hand. What was typed stays, whatever the Exchange says."""
    if request.method != "POST":
        chosen = request.GET.get("service", "")
        is_number = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
        return _record_page(request, initial={"service_id": int(chosen)} if is_number else {})
    form = RecordForm(request.POST)
    if not form.is_valid():
        return _record_page(request, Failure(422, ""), data=request.POST)
    data = form.cleaned_data
    try:
        account = registration.account_of(request.user)
        recorded = record_usage(account, **data, deadline=RECORDING)
    except ExchangeRejected as refusal:
        if refusal.status == 409:
            return _conflict_page(request, refusal)
        return _record_page(request, failure_of(refusal), data=request.POST)
    except (ExchangeError, GatewayError) as error:
        return _record_page(request, failure_of(error), data=request.POST)
    with suppress(ExchangeError):
        # so that the page which follows is right without JavaScript too
        snapshots.refresh(account, deadline=AFTERWARDS)
    tokens = data["prompt_tokens"] + data["completion_tokens"]
    if recorded.repeated:
        said = _("These %(tokens)s tokens were recorded before. Nothing was counted twice.")
    else:
        said = _("Recorded: %(tokens)s tokens. The Exchange has counted them.")
    messages.success(request, said % {"tokens": f"{tokens:,}"})
    return redirect("usage:dashboard")


def _conflict_page(request: SignedInRequest, refusal: ExchangeRejected) -> HttpResponse:
    """The page's number went out with other figures before: an answer was lost, then the figures changed."""
    data = request.POST.copy()
    data["entry_id"] = str(uuid.uuid4())
    advice = _(
        "If an earlier try of this page was counted with other figures, your totals show it. "
        "Press Record again only if these are to be counted as well."
    )
    return _record_page(request, Failure(409, f"{explain(refusal)} {advice}"), data=data)


def _record_page(request: SignedInRequest, failure: Failure | None = None, **form_data: Any) -> HttpResponse:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    services = choices.service_choices(account.exchange)
    context: dict[str, Any] = {
        "form": RecordForm(services=services, may_supply=account.is_provider, **form_data)
    }
    if failure:
        context |= {"error": failure.error, "rules": failure.rules}
    return TemplateResponse(request, "usage/record.html", context, status=failure.status if failure else 200)
