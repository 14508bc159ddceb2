from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import registration
from accounts.web import SignedInRequest
from catalog import consumption, offers, price_history, sellers
from catalog.filters import ProviderFilter
from catalog.freshness import freshness_of
from catalog.models import Provider
from catalog.paging import page_number
from catalog.views.lists import ListAddress, list_response, set_filters, takes_off_a_filter, wants_part


@vary_on_headers("HX-Request")
@require_safe
def providers(request: SignedInRequest) -> HttpResponse:
    """Who sells here, narrowed and ordered as the address says. The Exchange is not asked."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    filters = ProviderFilter(request.GET.dict(), exchange=account.exchange)
    sort = sellers.sort_named(request.GET.get("sort"))
    found = sellers.find(filters, sort, page_number(request.GET.get("page")))
    chosen = filters.chosen
    address = ListAddress(
        request.path, chosen, sort="" if sort == sellers.DEFAULT_SORT else sort, page=found.page.number
    )
    context = {
        "sellers": found.sellers,
        "page": found.page,
        "form": filters.form,
        "chosen": chosen,
        "sort": sort,
        "sorts": sellers.SORTS,
        "narrowed": bool(chosen),
        "fresh": freshness_of(account.exchange),
        "address": address,
        "set": set_filters(address, {"delisted": _("Those who left, too")}),
        "without_any": address.without(*chosen),
        "live": wants_part(request),
        "refill": takes_off_a_filter(request),
    }
    return list_response(request, "providers", context)


@require_safe
def provider(request: SignedInRequest, number: int) -> HttpResponse:
    """One provider: what it says of itself, what it offers, what its prices did, what was consumed there."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    found = get_object_or_404(Provider, exchange=account.exchange, remote_id=number)
    counts = sellers.offered_by(found)
    used = consumption.last_30_days(account, timezone.now())
    context = {
        "provider": found,
        "is_mine": found.remote_id == account.provider_id,
        "services": offers.of_provider(found),
        "own": account.provider_id,
        "listed": counts.listed,
        "delisted": counts.delisted,
        "repriced": price_history.changed_lately(found),
        "consumed": None if used is None else sellers.consumed_at(found, used),
        "fresh": freshness_of(account.exchange),
    }
    return TemplateResponse(request, "catalog/provider.html", context)
