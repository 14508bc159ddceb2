"""Providers and services as the API tells them: by the contract's names, out of the kept catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from accounts.api.errors import invalid
from accounts.api.json import ExactNumber
from accounts.models import ExchangeAccount
from catalog.filters import MirrorFilter
from catalog.freshness import Freshness
from catalog.models import Provider, Service
from catalog.paging import PAGE_SIZE, Page


class ListOut(Schema):
    """A page of a list, and of what catalogue."""

    page: int
    pages: int
    page_size: int = PAGE_SIZE
    total: int
    as_of: datetime | None = Field(description="The catalogue is as the Exchange had it then.")
    failure: str = Field(description="Why it could not be brought up to date since; else empty.")


class ProviderOut(Schema):
    id: int
    user_id: int
    display_name: str
    description: str
    service_count: int | None = Field(description="Services that it offers now.")
    is_mine: bool
    listed_at: datetime
    delisted_at: datetime | None


class ServiceOut(Schema):
    """A service offering; the price is in US dollars per 1,000 tokens."""

    id: int
    provider_id: int
    provider_name: str
    name: str
    model_family: str
    price_per_1k_tokens: ExactNumber
    trial_tokens: int
    is_mine: bool
    listed_at: datetime
    delisted_at: datetime | None


def provider_out(provider: Provider, account: ExchangeAccount, service_count: int | None) -> ProviderOut:
    """A provider of the mirror, as this account sees it."""
    return ProviderOut(
        id=provider.remote_id,
        user_id=provider.user_remote_id,
        display_name=provider.display_name,
        description=provider.description,
        service_count=service_count,
        is_mine=provider.remote_id == account.provider_id,
        listed_at=provider.listed_at,
        delisted_at=provider.delisted_at,
    )


def service_out(service: Service, account: ExchangeAccount) -> ServiceOut:
    """A service of the mirror, with its ``provider``."""
    return ServiceOut(
        id=service.remote_id,
        provider_id=service.provider.remote_id,
        provider_name=service.provider.display_name,
        name=service.name,
        model_family=service.model_family,
        price_per_1k_tokens=service.price_per_1k_tokens,
        trial_tokens=service.trial_tokens,
        is_mine=service.provider.remote_id == account.provider_id,
        listed_at=service.listed_at,
        delisted_at=service.delisted_at,
    )


def of_list(page: Page, fresh: Freshness) -> dict[str, Any]:
    """What every page of a list says beside its rows."""
    return {
        "page": page.number,
        "pages": page.last,
        "total": page.total,
        "as_of": fresh.as_of,
        "failure": fresh.failure,
    }


def in_address(query: Schema, *names: str) -> Mapping[str, str]:
    """The filters of a query as the pages' addresses have them."""
    told = {name: getattr(query, name) for name in names}
    return {
        name: "1" if value is True else str(value)
        for name, value in told.items()
        if value is not None and value is not False
    }


def understood(filters: MirrorFilter) -> None:
    """Raises ApiError (422), which names each filter that cannot be meant: a page would leave it out."""
    errors = filters.form.errors.items()
    if errors:
        raise invalid([(name, " ".join(str(text) for text in texts)) for name, texts in errors])
