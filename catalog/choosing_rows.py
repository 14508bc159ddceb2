"""What there is to choose from, read from the kept catalogue."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import QuerySet

from accounts.models import Exchange
from catalog.choosing_criteria import Criteria, Offer, Seller
from catalog.models import LARGEST, Provider, Service, price_rank


def sellers_of(exchange: Exchange) -> dict[int, Seller]:
    """Listed providers by the key of their row."""
    rows = Provider.objects.filter(exchange=exchange, delisted_at=None)
    return {
        pk: Seller(number, name) for pk, number, name in rows.values_list("pk", "remote_id", "display_name")
    }


def on_offer(exchange: Exchange) -> QuerySet[Service]:
    """Services that the Exchange lists."""
    return Service.objects.filter(exchange=exchange, delisted_at=None)


def narrowed(exchange: Exchange, criteria: Criteria) -> QuerySet[Service]:
    """All that fit, and not many others: the last word has ``misses_of``, exactly and in every script."""
    rows = on_offer(exchange)
    if criteria.model_family:
        wanted = criteria.model_family.casefold()
        families = Service.objects.filter(exchange=exchange).values_list("model_family", flat=True).distinct()
        rows = rows.filter(model_family__in=[one for one in families if one.casefold() == wanted])
    if criteria.max_price_per_1k is not None:
        rows = rows.filter(price_rank__lte=price_rank(criteria.max_price_per_1k))
    if criteria.min_trial_tokens > 0:
        rows = rows.filter(trial_tokens__gte=min(criteria.min_trial_tokens, LARGEST))
    return rows


def by_seller(services: QuerySet[Service], sellers: dict[int, Seller]) -> dict[Seller, list[Offer]]:
    """The offers of each provider; none for one that offers nothing of these."""
    offered: dict[Seller, list[Offer]] = {seller: [] for seller in sellers.values()}
    for offer in offers_in(services, sellers):
        offered[offer.seller].append(offer)
    return offered


def offers_in(services: QuerySet[Service], sellers: dict[int, Seller]) -> list[Offer]:
    """These services as offers, without those whose provider is not listed."""
    # plain tuples: fifty thousand rows as model instances would take a second by themselves
    rows = services.values_list(
        "remote_id", "name", "model_family", "price_per_1k_tokens", "trial_tokens", "provider_id"
    )
    return [
        Offer(number, name, family, Decimal(price), trial, sellers[provider])
        for number, name, family, price, trial, provider in rows
        if provider in sellers
    ]
