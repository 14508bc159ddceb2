"""providers: who sells, one of them, and one chosen by what is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from django.shortcuts import get_object_or_404
from ninja import Path, Query, Router, Schema
from pydantic import Field

from accounts.api.callers import ApiRequest, allowed
from accounts.api.responses import EXCHANGE, KNOWN, refusals
from accounts.models.api_key import Scope
from catalog import sellers
from catalog.api.choosing import ChooseQuery, ChosenProviderOut, chosen_out, criteria_of, live, nothing_fits
from catalog.api.documents import ListOut, ProviderOut, in_address, of_list, provider_out, understood
from catalog.choosing import NothingFits, Strategy, choose_provider
from catalog.filters import ProviderFilter
from catalog.freshness import freshness_of
from catalog.models import LARGEST, Provider

router = Router(tags=["Providers"], auth=allowed(Scope.READ))
Number = Annotated[int, Path(ge=0, le=LARGEST)]


class ProvidersQuery(Schema):
    q: str | None = Field(None, max_length=200, description="Words in name and description.")
    delisted: bool = Field(False, description="Also those that are no longer listed.")
    sort: Literal["name", "-name", "-offers", "newest"] = "name"
    page: int = Field(1, ge=1, lt=10**9)


class ProvidersOut(ListOut):
    providers: list[ProviderOut]


@router.get("", response={200: ProvidersOut, **refusals(*KNOWN, 422)}, summary="Find providers")
def providers(request: ApiRequest, query: Query[ProvidersQuery]) -> ProvidersOut:
    """A page of the kept catalogue. The Exchange is not asked: `as_of` says how old it is."""
    account = request.auth.account
    filters = ProviderFilter(in_address(query, "q", "delisted"), exchange=account.exchange)
    understood(filters)
    found = sellers.find(filters, query.sort, query.page)
    rows = [provider_out(one.provider, account, one.offers) for one in found.sellers]
    return ProvidersOut(providers=rows, **of_list(found.page, freshness_of(account.exchange)))


@router.get(
    "/choose",
    response={200: ChosenProviderOut, **refusals(*KNOWN, *EXCHANGE, 404)},
    summary="Choose a provider",
)
def choose(request: ApiRequest, query: Query[ChooseQuery]) -> ChosenProviderOut:
    """The first provider in the strategy's order that fits; the same question, the same choice.

    An old catalogue is brought up to date first. 404 where nothing fits, with what came nearest.
    """
    account = request.auth.account
    note = live()
    strategy = query.strategy or Strategy.LONGEST_STANDING
    try:
        choice = choose_provider(account, criteria_of(query), strategy)
    except NothingFits as error:
        raise nothing_fits(error) from error
    return ChosenProviderOut(**chosen_out(choice, note))


@router.get(
    "/{int:provider_id}", response={200: ProviderOut, **refusals(*KNOWN, 404)}, summary="One provider"
)
def provider(request: ApiRequest, provider_id: Number) -> ProviderOut:
    """A provider by the Exchange's number of it, also one that is no longer listed."""
    account = request.auth.account
    row = get_object_or_404(Provider, exchange=account.exchange, remote_id=provider_id)
    return provider_out(row, account, sellers.offered_by(row).listed)
