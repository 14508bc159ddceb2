from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from accounts import registration
from accounts.failures import Failure, explain, failure_of
from accounts.web import SignedInRequest
from catalog import market
from catalog.forms import PublishForm
from catalog.publishing import publish_service
from exchange import ExchangeError, GatewayError


@require_safe
def providers(request: SignedInRequest) -> HttpResponse:
    account = registration.account_of(request.user)
    rows: list[market.ProviderRow] = []
    error = ""
    try:
        rows = market.list_providers(account, deadline=market.PAGE_DEADLINE)
    except ExchangeError as failure:
        error = explain(failure)
    return TemplateResponse(request, "catalog/providers.html", {"providers": rows, "error": error})


@require_safe
def services(request: SignedInRequest) -> HttpResponse:
    account = registration.account_of(request.user)
    mine = request.GET.get("mine") == "1"
    rows: list[market.ServiceRow] = []
    error = ""
    try:
        rows = market.list_services(account, mine=mine, deadline=market.PAGE_DEADLINE)
    except ExchangeError as failure:
        error = explain(failure)
    context = {"services": rows, "mine": mine, "error": error, "can_publish": account.is_provider}
    return TemplateResponse(request, "catalog/services.html", context)


@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: SignedInRequest) -> HttpResponse:
    """Publish or update a service of one's own. What was typed stays, whatever the Exchange says."""
    account = registration.account_of(request.user)
    if not account.is_provider:
        return _enrol_first(request)
    if request.method != "POST":
        return _publish_page(request, PublishForm(initial=_defaults()))
    form = PublishForm(request.POST)
    if not form.is_valid():
        return _publish_page(request, form, Failure(422, ""))
    try:
        service = publish_service(account, **form.cleaned_data)
    except (ExchangeError, GatewayError) as error:
        return _publish_page(request, form, failure_of(error))
    messages.success(request, _("%(name)s is on offer.") % {"name": service.name})
    return _go(request, f"{reverse('catalog:services')}?mine=1")


def _defaults() -> dict[str, Any]:
    config = settings.TOKLIGENCE
    return {
        "name": config.publish_name,
        "model_family": config.model_family,
        # written out: a person does not read 5E-7
        "price_per_1k_tokens": format(config.price_per_1k, "f"),
        "trial_tokens": config.trial_tokens,
    }


def _enrol_first(request: SignedInRequest) -> HttpResponse:
    if request.htmx:
        return _go(request, reverse("catalog:publish"))
    status = 403 if request.method == "POST" else 200
    return TemplateResponse(request, "catalog/publish.html", {"enrol_needed": True}, status=status)


def _publish_page(
    request: SignedInRequest, form: PublishForm, failure: Failure | None = None
) -> HttpResponse:
    partial = request.htmx and not request.htmx.history_restore_request
    template = "catalog/_publish_form.html" if partial else "catalog/publish.html"
    context: dict[str, Any] = {"form": form, "enrol_needed": False}
    if failure:
        context |= {"error": failure.error, "rules": failure.rules}
    return TemplateResponse(request, template, context, status=failure.status if failure else 200)


def _go(request: SignedInRequest, url: str) -> HttpResponse:
    # a redirect that the browser follows by itself would put the page into a part of this one
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
