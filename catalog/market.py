"""What the Exchange offers at this moment: its providers and services, as rows that commands show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from accounts.exchanges import client
from accounts.models import ExchangeAccount
from catalog.patience import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """A provider, and how many services it offers."""

    id: int
    user_id: int
    display_name: str
    description: str
    service_count: int
    is_mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """A service offering. ``price_per_1k_tokens`` is in USD per 1,000 tokens."""

    id: int
    provider_id: int
    provider_name: str
    name: str
    model_family: str
    price_per_1k_tokens: Decimal
    trial_tokens: int
    is_mine: bool


def list_providers(
    account: ExchangeAccount | None = None, *, deadline: float | None = None
) -> list[ProviderRow]:
    """Every provider, by name; ``account`` marks its own. ``deadline`` is the total of seconds.

    Raises exchange.ExchangeError.
    """
    left = shared(deadline)
    services = client().list_services(deadline=left())
    offered = Counter(service.provider_id for service in services)
    rows = [
        ProviderRow(
            id=provider.id,
            user_id=provider.user_id,
            display_name=provider.display_name,
            description=provider.description,
            service_count=offered[provider.id],
            is_mine=account is not None and provider.id == account.provider_id,
        )
        for provider in client().list_providers(deadline=left())
    ]
    return sorted(rows, key=lambda row: (row.display_name.casefold(), row.id))


def list_services(
    account: ExchangeAccount | None = None,
    *,
    mine: bool = False,
    provider_id: int | None = None,
    model_family: str = "",
    deadline: float | None = None,
) -> list[ServiceRow]:
    """Services by model family, then price. ``mine`` keeps those of the account's own provider.

    ``deadline`` is the total of seconds for both lists that it takes. Raises exchange.ExchangeError.
    """
    own = account.provider_id if account else None
    if mine and own is None:
        return []
    left = shared(deadline)
    # services first, so that a service never meets an unknown provider by timing
    services = client().list_services(deadline=left())
    names = {provider.id: provider.display_name for provider in client().list_providers(deadline=left())}
    rows = [
        ServiceRow(
            id=service.id,
            provider_id=service.provider_id,
            provider_name=names.get(service.provider_id, ""),
            name=service.name,
            model_family=service.model_family,
            price_per_1k_tokens=service.price_per_1k_tokens,
            trial_tokens=service.trial_tokens,
            is_mine=service.provider_id == own,
        )
        for service in services
        if (not mine or service.provider_id == own)
        and (provider_id is None or service.provider_id == provider_id)
        and (not model_family or service.model_family.casefold() == model_family.casefold())
    ]
    return sorted(rows, key=lambda row: (row.model_family.casefold(), row.price_per_1k_tokens, row.id))
