"""services: what is on offer, one of it, one chosen; and one's own, published and updated."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from ninja import Path, Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from accounts.api.callers import ApiRequest, allowed
from accounts.api.errors import invalid
from accounts.api.json import Body
from accounts.api.responses import BODY, EXCHANGE, KNOWN, refusals
from accounts.models import ExchangeAccount
from accounts.models.api_key import Scope
from catalog import offers, publishing
from catalog.api.choosing import (
    ChooseQuery,
    ChosenServiceOut,
    ListedServiceOut,
    chosen_out,
    criteria_of,
    live,
    nothing_fits,
)
from catalog.api.documents import ListOut, ServiceOut, in_address, of_list, service_out, understood
from catalog.choosing import NothingFits, Strategy, choose_service
from catalog.filters import ServiceFilter
from catalog.forms import PublishForm
from catalog.freshness import freshness_of
from catalog.models import LARGEST, Service
from catalog.publish_once import Offer
from exchange import MAX_TOKENS

router = Router(tags=["Services"])
FILTERS = ("q", "family", "provider", "max_price", "trial", "mine", "delisted")
Number = Annotated[int, Path(ge=0, le=LARGEST)]
Price = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=19, decimal_places=12)]
"""USD per 1,000 tokens."""


class ServicesQuery(Schema):
    q: str | None = Field(None, max_length=200, description="Words in name, family and provider's name.")
    family: str | None = Field(None, max_length=200, description="The whole model family.")
    provider: int | None = Field(None, ge=1, le=LARGEST, description="The Exchange's number of a provider.")
    max_price: Price | None = Field(None, description="USD per 1,000 tokens.")
    trial: bool = Field(False, description="Only with trial tokens.")
    mine: bool = Field(False, description="Only what you sell.")
    delisted: bool = Field(False, description="Also what is no longer offered.")
    sort: Literal[
        "price", "-price", "name", "-name", "provider", "-provider", "-trial", "trial", "newest", "oldest"
    ] = "price"
    page: int = Field(1, ge=1, lt=10**9)


class ServicesOut(ListOut):
    services: list[ServiceOut]


class OfferIn(Body):
    model_family: str = Field(max_length=200, examples=["gpt-4o"])
    price_per_1k_tokens: Price = Field(examples=[0.004], description="USD per 1,000 tokens.")
    trial_tokens: int = Field(0, ge=0, le=MAX_TOKENS)


class PublishIn(OfferIn):
    name: str = Field(max_length=200, examples=["acme-gpt-4o"])


class OfferPatch(Body):
    """What is left out stays as it is. The name stays: the Exchange updates by name."""

    model_family: str | None = Field(None, max_length=200)
    price_per_1k_tokens: Price | None = None
    trial_tokens: int | None = Field(None, ge=0, le=MAX_TOKENS)


@router.get(
    "",
    auth=allowed(Scope.READ),
    response={200: ServicesOut, **refusals(*KNOWN, 422)},
    summary="Find services",
)
def services(request: ApiRequest, query: Query[ServicesQuery]) -> ServicesOut:
    """A page of the kept catalogue. The Exchange is not asked: `as_of` says how old it is."""
    account = request.auth.account
    address = in_address(query, *FILTERS)
    filters = ServiceFilter(address, exchange=account.exchange, own=account.provider_id)
    understood(filters)
    fresh = freshness_of(account.exchange)
    found = offers.find(filters, query.sort, query.page, fresh.version)
    rows = [service_out(service, account) for service in found.services]
    return ServicesOut(services=rows, **of_list(found.page, fresh))


@router.post(
    "",
    auth=allowed(Scope.PUBLISH),
    response={200: ServiceOut, 201: ServiceOut, **refusals(*KNOWN, *BODY, *EXCHANGE)},
    summary="Publish a service",
)
def publish(request: ApiRequest, body: PublishIn) -> Status[ServiceOut]:
    """Offer a service of yours at the Exchange, or update the one of that name (200). Safe to repeat.

    What the Exchange's rules refuse is a 422 with each rule's identifier.
    """
    account = request.auth.account
    offer = _offer(body.dict())
    is_new = not _own(account).filter(name=offer.name).exists()
    return Status(201 if is_new else 200, _published(account, offer))


@router.get(
    "/choose",
    auth=allowed(Scope.READ),
    response={200: ChosenServiceOut, **refusals(*KNOWN, *EXCHANGE, 404)},
    summary="Choose a service",
)
def choose(request: ApiRequest, query: Query[ChooseQuery]) -> ChosenServiceOut:
    """The first service in the strategy's order that fits; the same question, the same choice.

    An old catalogue is brought up to date first. 404 where nothing fits, with what came nearest.
    """
    account = request.auth.account
    note = live()
    try:
        choice = choose_service(account, criteria_of(query), query.strategy or Strategy.CHEAPEST)
    except NothingFits as error:
        raise nothing_fits(error) from error
    service = ListedServiceOut(**choice.service.model_dump())
    return ChosenServiceOut(service=service, **chosen_out(choice, note))


@router.get(
    "/{int:service_id}",
    auth=allowed(Scope.READ),
    response={200: ServiceOut, **refusals(*KNOWN, 404)},
    summary="One service",
)
def service(request: ApiRequest, service_id: Number) -> ServiceOut:
    """A service by the Exchange's number of it, also one that is no longer offered."""
    account = request.auth.account
    rows = Service.objects.select_related("provider")
    row = get_object_or_404(rows, exchange=account.exchange, remote_id=service_id)
    return service_out(row, account)


@router.patch(
    "/{int:service_id}",
    auth=allowed(Scope.PUBLISH),
    response={200: ServiceOut, **refusals(*KNOWN, *BODY, *EXCHANGE, 404)},
    summary="Update a service",
)
def update(request: ApiRequest, service_id: Number, body: OfferPatch) -> ServiceOut:
    """Change family, price or trial tokens of a service of yours. 404 for anybody else's."""
    account = request.auth.account
    row = get_object_or_404(_own(account), remote_id=service_id)
    kept = {
        "model_family": row.model_family,
        "price_per_1k_tokens": row.price_per_1k_tokens,
        "trial_tokens": row.trial_tokens,
    }
    changes = {name: value for name, value in body.dict().items() if value is not None}
    return _published(account, _offer({"name": row.name, **kept, **changes}))


def _own(account: ExchangeAccount) -> Any:
    if account.provider_id is None:
        return Service.objects.none()
    return Service.objects.filter(exchange=account.exchange_id, provider__remote_id=account.provider_id)


def _offer(told: dict[str, Any]) -> Offer:
    """What is to be on offer. Raises ApiError (422), which names the fields."""
    price = format(told["price_per_1k_tokens"], "f")
    # the page's form: what it refuses, and how it reads a name, is the same here
    form = PublishForm({**told, "price_per_1k_tokens": price})
    if not form.is_valid():
        raise invalid([(name, " ".join(str(text) for text in texts)) for name, texts in form.errors.items()])
    return Offer(**{name: value for name, value in form.cleaned_data.items() if name != "token"})


def _published(account: ExchangeAccount, offer: Offer) -> ServiceOut:
    published = publishing.publish(account, offer, deadline=publishing.PAGE_DEADLINE)
    # what one publishes is in the kept catalogue at once
    return service_out(_own(account).select_related("provider").get(remote_id=published.service.id), account)
