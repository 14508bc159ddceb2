from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url

from accounts import registration
from accounts.web import SignedInRequest
from catalog.views.lists import wants_part
from usage.reporting import summary_page
from usage.reporting.filters import filters_of
from usage.reporting.periods import PeriodInvalid, period_of


@vary_on_headers("HX-Request")
@require_safe
def summary(request: SignedInRequest) -> HttpResponse:
    """What was consumed and supplied in a period. Reads the rollups alone; the Exchange is not asked."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    now = timezone.now()
    query = request.GET.dict()
    filters = filters_of(query)
    typed = {name: query.get(name, "").strip()[:40] for name in ("since", "until")}
    context: dict[str, Any]
    try:
        period = period_of(query, now)
    except PeriodInvalid as refused:
        context = {"errors": refused.errors, "typed": typed, **summary_page.frame_of(filters, None, now)}
        return _answer(request, context, status=400)
    shown = {"since": period.first_on.isoformat(), "until": period.last_on.isoformat()}
    context = {
        "typed": typed if any(typed.values()) else shown,
        **summary_page.context_of(account, period, filters, now, query.get("all", "")),
    }
    return _answer(request, context)


def _answer(request: SignedInRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    part = wants_part(request)
    template = "usage/_summary.html" if part else "usage/summary.html"
    response = TemplateResponse(request, template, context, status=status)
    if part:
        push_url(response, request.get_full_path())
    return response
