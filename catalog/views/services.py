from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import registration
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest
from catalog import offers, price_history
from catalog.estimate_form import EstimateForm
from catalog.estimating import cost_of
from catalog.filters import ServiceFilter
from catalog.freshness import freshness_of
from catalog.models import Service
from catalog.paging import page_number
from catalog.views.lists import ListAddress, list_response, set_filters, takes_off_a_filter, wants_part

PICTURES = {"large": (600, 190), "small": (330, 170)}
COMMAND = (
    "python manage.py record_usage --service-id {number} "
    "--prompt-tokens {prompt_tokens} --completion-tokens {completion_tokens}"
)
# in double quotes: the shell puts the secret there
API_EXAMPLE = (
    'curl {address} \\\n  -H "Authorization: Bearer $GATEWAY_KEY" \\\n'
    "  -H 'Content-Type: application/json' \\\n  -d '{entry}'"
)


@vary_on_headers("HX-Request")
@require_safe
def services(request: SignedInRequest) -> HttpResponse:
    """What is on offer, narrowed and ordered as the address says. The Exchange is not asked."""
    account = _account(request)
    filters = ServiceFilter(request.GET.dict(), exchange=account.exchange, own=account.provider_id)
    sort = offers.sort_named(request.GET.get("sort"))
    fresh = freshness_of(account.exchange)
    found = offers.find(filters, sort, page_number(request.GET.get("page")), fresh.version)
    chosen = filters.chosen
    address = ListAddress(
        request.path, chosen, sort="" if sort == offers.DEFAULT_SORT else sort, page=found.page.number
    )
    context = {
        "offers": found,
        "page": found.page,
        "own": account.provider_id,
        "form": filters.form,
        "chosen": chosen,
        "sort": sort,
        "sorts": offers.SORTS,
        "narrowed": bool(chosen.keys() - {"mine"}),
        "unfolded": bool(chosen.keys() - {"mine", "q"}) or sort != offers.DEFAULT_SORT,
        "fresh": fresh,
        "address": address,
        "live": wants_part(request),
        "refill": takes_off_a_filter(request),
    }
    # who sells is asked with a page, and with the list that comes after the first fetch: not while one types
    if (
        not wants_part(request)
        or request.htmx.trigger == "results"
        or context["refill"]
        or "provider" in chosen
    ):
        context |= _providers(account, chosen.get("provider"), fresh.version)
    context["set"] = set_filters(address, _words(chosen, context.get("providers", [])))
    context["without_any"] = address.without(*chosen.keys() - {"mine"})
    return list_response(request, "services", context)


@vary_on_headers("HX-Request")
@require_safe
def service(request: SignedInRequest, number: int) -> HttpResponse:
    """One service: its price and what it did, and what tokens of it would cost."""
    account = _account(request)
    rows = Service.objects.select_related("provider")
    found = get_object_or_404(rows, exchange=account.exchange, remote_id=number)
    context = _estimate(request, found)
    if wants_part(request):
        return TemplateResponse(request, "catalog/_estimate.html", context)
    changes = price_history.history_of(found)
    context |= _pictures(changes, found.delisted_at or timezone.now())
    context |= {
        "changes": changes[::-1],
        "is_mine": found.provider.remote_id == account.provider_id,
        "fresh": freshness_of(account.exchange),
    }
    return TemplateResponse(request, "catalog/service.html", context)


def _providers(account: ExchangeAccount, chosen: str | None, version: str) -> dict[str, Any]:
    providers = offers.provider_choices(account.exchange, chosen, version)
    known = {provider.number for provider in providers}
    return {"providers": providers, "provider_unknown": chosen is not None and chosen not in known}


def _words(chosen: Mapping[str, str], providers: list[offers.ProviderChoice]) -> dict[str, str]:
    """What each filter says that can be out of sight; what is looked for stands in its field."""
    names = {provider.number: provider.label for provider in providers}
    number = chosen.get("provider", "")
    return {
        "family": chosen.get("family", ""),
        "provider": names.get(number, f"#{number}"),
        "max_price": _("Up to $%(price)s per 1K") % {"price": chosen.get("max_price", "")},
        "trial": _("With trial tokens"),
        "delisted": _("No longer offered, too"),
    }


def _estimate(request: SignedInRequest, found: Service) -> dict[str, Any]:
    asked = any(name in request.GET for name in EstimateForm.base_fields)
    form = EstimateForm(request.GET if asked else None)
    tokens: dict[str, int] | None = {name: field.initial for name, field in form.fields.items()}
    if asked:
        tokens = form.cleaned_data if form.is_valid() else None
    context: dict[str, Any] = {"service": found, "form": form, "tokens": tokens}
    if tokens is not None:
        context["cost"] = cost_of(found.price_per_1k_tokens, **tokens)
        context["command"] = COMMAND.format(number=found.remote_id, **tokens)
        entry = json.dumps({"service_id": found.remote_id, **tokens, "direction": "consume"})
        address = request.build_absolute_uri(reverse("api:record"))
        context["api_example"] = API_EXAMPLE.format(address=address, entry=entry)
    return context


def _pictures(changes: list[price_history.Change], until: datetime) -> dict[str, Any]:
    if not changes:
        return {"pictures": {}}
    return {
        "pictures": {
            name: price_history.draw(changes, until, width=width, height=height)
            for name, (width, height) in PICTURES.items()
        }
    }


def _account(request: SignedInRequest) -> ExchangeAccount:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    return account
