"""Makers of rows of the mirror, for tests: keyword-only, with sensible defaults."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.factories import make_exchange
from accounts.models import Exchange
from catalog.models import Mirror, PriceChange, Provider, Service, price_rank

_numbers = itertools.count(500)
LONG_AGO = datetime(2026, 1, 1, 12, tzinfo=UTC)


def make_provider(
    *,
    number: int | None = None,
    name: str = "Northwind",
    description: str = "In two regions",
    exchange: Exchange | None = None,
    delisted: bool = False,
    listed_at: datetime = LONG_AGO,
) -> Provider:
    number = next(_numbers) if number is None else number
    return Provider.objects.create(
        exchange=exchange or make_exchange(),
        remote_id=number,
        user_remote_id=number * 10,
        display_name=name,
        description=description,
        listed_at=listed_at,
        delisted_at=timezone.now() if delisted else None,
    )


def make_service(
    *,
    provider: Provider,
    number: int | None = None,
    name: str = "GPT-4o, EU",
    family: str = "gpt-4o",
    price: str = "0.0052",
    trial: int = 0,
    delisted: bool = False,
    listed_at: datetime = LONG_AGO,
) -> Service:
    """A service whose price was seen when it was first listed."""
    service = Service.objects.create(
        exchange=provider.exchange,
        provider=provider,
        remote_id=next(_numbers) if number is None else number,
        name=name,
        model_family=family,
        price_per_1k_tokens=Decimal(price),
        price_rank=price_rank(Decimal(price)),
        trial_tokens=trial,
        listed_at=listed_at,
        delisted_at=timezone.now() if delisted else None,
    )
    reprice(service, price, listed_at)
    return service


def reprice(service: Service, price: str, at: datetime) -> None:
    """What the mirror notes of a price that it saw."""
    service.price_per_1k_tokens = Decimal(price)
    service.price_rank = price_rank(Decimal(price))
    service.save()
    PriceChange.objects.create(service=service, price_per_1k_tokens=Decimal(price), observed_at=at)


def make_mirror(
    *,
    exchange: Exchange | None = None,
    age: timedelta | None = timedelta(minutes=1),
    failure: str = "",
    failed_ago: timedelta | None = None,
) -> Mirror:
    """The mirror's state; an ``age`` of None is a catalogue that was never fetched."""
    now = timezone.now()
    return Mirror.objects.create(
        exchange=exchange or make_exchange(),
        refreshed_at=None if age is None else now - age,
        failure=failure,
        failed_at=None if failed_ago is None else now - failed_ago,
    )
