"""What the Exchange lists, held against what is kept here: the difference, and writing it in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Exchange
from catalog.models import (
    LONGEST_DESCRIPTION,
    LONGEST_FAMILY,
    LONGEST_NAME,
    PriceChange,
    Provider,
    Service,
    price_rank,
)
from exchange import Provider as ListedProvider
from exchange import Service as ListedService

BATCH = 500
PROVIDER_FIELDS = ("user_remote_id", "display_name", "description", "delisted_at")
SERVICE_FIELDS = (
    "search_text",
    "provider",
    "name",
    "model_family",
    "price_per_1k_tokens",
    "price_rank",
    "trial_tokens",
    "delisted_at",
)


@dataclass(slots=True)
class Merged:
    """The difference between a fetched catalogue and the kept one; ``write`` makes the kept one like it."""

    exchange: Exchange
    now: datetime
    listed: int = 0
    listed_before: int = 0
    providers_listed: int = 0
    providers_before: int = 0
    delisted_providers: int = 0
    orphans: list[dict[str, Any]] = field(default_factory=list)
    new_providers: list[Provider] = field(default_factory=list)
    changed_providers: list[Provider] = field(default_factory=list)
    new_services: list[tuple[ListedService, Provider]] = field(default_factory=list)
    changed_services: list[Service] = field(default_factory=list)
    price_changes: list[PriceChange] = field(default_factory=list)
    delisted_ids: list[int] = field(default_factory=list)
    relisted: int = 0

    @property
    def added(self) -> int:
        return len(self.new_services)

    @property
    def changed(self) -> int:
        return len(self.changed_services)

    @property
    def repriced(self) -> int:
        return len(self.price_changes)

    @property
    def delisted(self) -> int:
        return len(self.delisted_ids)

    @property
    def kept(self) -> int:
        """How many of the services that were listed here still are."""
        return self.listed_before - self.delisted

    @property
    def kept_providers(self) -> int:
        """How many of the providers that were listed here still are."""
        return self.providers_before - self.delisted_providers

    def write(self) -> None:
        """Write the difference. Inside a transaction: half a catalogue is no catalogue."""
        Provider.objects.bulk_create(self.new_providers, batch_size=BATCH)
        Provider.objects.bulk_update(self.changed_providers, PROVIDER_FIELDS, batch_size=BATCH)
        created = Service.objects.bulk_create(
            [_new(self.exchange, listed, provider, self.now) for listed, provider in self.new_services],
            batch_size=BATCH,
        )
        for service in self.changed_services:
            # an upsert finds the row by its number at the Exchange, and gives the key back
            service.pk = None
        Service.objects.bulk_create(
            self.changed_services,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["exchange", "remote_id"],
            update_fields=SERVICE_FIELDS,
        )
        for start in range(0, len(self.delisted_ids), BATCH):
            chunk = self.delisted_ids[start : start + BATCH]
            Service.objects.filter(pk__in=chunk).update(delisted_at=self.now)
        first_prices = [_price(service, service.price_per_1k_tokens, self.now) for service in created]
        PriceChange.objects.bulk_create([*first_prices, *self.price_changes], batch_size=BATCH)


def merge(
    exchange: Exchange,
    providers: Sequence[ListedProvider],
    services: Sequence[ListedService],
    now: datetime,
) -> Merged:
    """Find what differs. Reads the kept catalogue once; writes nothing."""
    merged = Merged(exchange, now, listed=len(services))
    by_number = _merge_providers(merged, providers)
    kept = {row.remote_id: row for row in Service.objects.filter(exchange=exchange)}
    merged.listed_before = sum(row.delisted_at is None for row in kept.values())
    for listed in services:
        provider = by_number.get(listed.provider_id)
        row = kept.pop(listed.id, None)
        if provider is None:
            # alone: the others are none the worse for it
            merged.orphans.append(
                {"service": listed.id, "provider": listed.provider_id, "name": listed.name[:LONGEST_NAME]}
            )
            if row is not None and row.delisted_at is None:
                merged.delisted_ids.append(row.pk)
        elif row is None:
            merged.new_services.append((listed, provider))
        else:
            _merge_service(merged, row, listed, provider)
    merged.delisted_ids += [row.pk for row in kept.values() if row.delisted_at is None]
    return merged


def merge_one(exchange: Exchange, provider: ListedProvider, service: ListedService, now: datetime) -> Merged:
    """The same for one service alone, of a provider of whom nothing is taken over when it is known here."""
    merged = Merged(exchange, now)
    owner, _created = Provider.objects.get_or_create(
        exchange=exchange,
        remote_id=provider.id,
        defaults={**_provider_values(provider), "listed_at": now},
    )
    if owner.delisted_at is not None:
        owner.delisted_at = None
        merged.changed_providers.append(owner)
    row = Service.objects.filter(exchange=exchange, remote_id=service.id).first()
    if row is None:
        merged.new_services.append((service, owner))
    else:
        _merge_service(merged, row, service, owner)
    return merged


def _merge_providers(merged: Merged, providers: Sequence[ListedProvider]) -> dict[int, Provider]:
    kept = {row.remote_id: row for row in Provider.objects.filter(exchange=merged.exchange)}
    merged.providers_listed = len(providers)
    merged.providers_before = sum(row.delisted_at is None for row in kept.values())
    by_number: dict[int, Provider] = {}
    for listed in providers:
        row = kept.pop(listed.id, None)
        if row is None:
            row = Provider(exchange=merged.exchange, remote_id=listed.id, listed_at=merged.now)
            merged.new_providers.append(row)
            _take(row, _provider_values(listed))
        elif _take(row, _provider_values(listed)):
            merged.changed_providers.append(row)
        by_number[listed.id] = row
    for row in kept.values():
        if row.delisted_at is None:
            row.delisted_at = merged.now
            merged.delisted_providers += 1
            merged.changed_providers.append(row)
    return by_number


def _merge_service(merged: Merged, row: Service, listed: ListedService, provider: Provider) -> None:
    was_delisted, old_price = row.delisted_at is not None, row.price_per_1k_tokens
    # a provider that is new here too has no key yet: it is compared by its number
    moved = provider.pk is None or row.provider_id != provider.pk
    if moved:
        row.provider = provider
    if not (_take(row, _service_values(listed)) or moved):
        return
    merged.changed_services.append(row)
    merged.relisted += was_delisted
    if listed.price_per_1k_tokens != old_price:
        merged.price_changes.append(_price(row, listed.price_per_1k_tokens, merged.now))


def _provider_values(listed: ListedProvider) -> dict[str, Any]:
    return {
        "user_remote_id": listed.user_id,
        "display_name": listed.display_name[:LONGEST_NAME],
        "description": listed.description[:LONGEST_DESCRIPTION],
        "delisted_at": None,
    }


def _service_values(listed: ListedService) -> dict[str, Any]:
    return {
        "name": listed.name[:LONGEST_NAME],
        "model_family": listed.model_family[:LONGEST_FAMILY],
        "price_per_1k_tokens": listed.price_per_1k_tokens,
        "price_rank": price_rank(listed.price_per_1k_tokens),
        "trial_tokens": listed.trial_tokens,
        "delisted_at": None,
    }


def _take(row: Provider | Service, values: dict[str, Any]) -> bool:
    """Put the values into the row; whether any was another before."""
    different = [name for name, value in values.items() if getattr(row, name, None) != value]
    for name in different:
        setattr(row, name, values[name])
    return bool(different)


def _new(exchange: Exchange, listed: ListedService, provider: Provider, now: datetime) -> Service:
    return Service(
        exchange=exchange, provider=provider, remote_id=listed.id, listed_at=now, **_service_values(listed)
    )


def _price(service: Service, price: Any, now: datetime) -> PriceChange:
    return PriceChange(service=service, price_per_1k_tokens=price, observed_at=now)
