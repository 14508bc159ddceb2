"""Makers of rows of the kept catalogue, for tests: keyword-only, with sensible defaults."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.factories import make_exchange
from accounts.models import Exchange
from catalog.models import Mirror, PriceChange, Provider, Service, price_rank


def fetched(*, exchange: Exchange | None = None, ago: timedelta = timedelta(0)) -> Mirror:
    """The catalogue was fetched then."""
    return Mirror.objects.update_or_create(
        exchange=exchange or make_exchange(), defaults={"refreshed_at": timezone.now() - ago}
    )[0]


def keep_provider(
    number: int, name: str = "", *, exchange: Exchange | None = None, delisted: bool = False
) -> Provider:
    now = timezone.now()
    return Provider.objects.get_or_create(
        exchange=exchange or make_exchange(),
        remote_id=number,
        defaults={
            "user_remote_id": number * 10,
            "display_name": name or f"Provider {number}",
            "description": "",
            "listed_at": now,
            "delisted_at": now if delisted else None,
        },
    )[0]


def keep_service(
    number: int,
    *,
    provider: Provider | None = None,
    name: str = "",
    family: str = "gpt-4o",
    price: str = "0.005",
    trial: int = 0,
    prices: dict[timedelta, str] | None = None,
    listed_at: datetime | None = None,
    delisted: bool = False,
) -> Service:
    """A service; ``prices`` are those that were observed so long ago, its present one by default today."""
    provider = provider or keep_provider(3)
    now = timezone.now()
    service = Service.objects.create(
        exchange=provider.exchange,
        provider=provider,
        remote_id=number,
        name=name or f"Service {number}",
        model_family=family,
        price_per_1k_tokens=Decimal(price),
        price_rank=price_rank(Decimal(price)),
        trial_tokens=trial,
        listed_at=listed_at or now - max(prices or {timedelta(0): price}),
        delisted_at=now if delisted else None,
    )
    for ago, was in sorted((prices or {timedelta(0): price}).items(), reverse=True):
        PriceChange.objects.create(service=service, price_per_1k_tokens=Decimal(was), observed_at=now - ago)
    return service
