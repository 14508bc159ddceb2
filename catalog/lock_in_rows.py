"""What ``catalog.lock_in`` needs of the kept catalogue: the services that were used, and cheaper ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db.models import Min, Q, QuerySet

from accounts.models import Exchange
from catalog.counting import counted
from catalog.lock_in import Offer
from catalog.models import Service


def offers_for(exchange: Exchange, numbers: Iterable[int], version: str = "") -> list[Offer]:
    """The services of these numbers, and of each of their model families what its two cheapest sellers offer.

    That is enough: whatever was used, the cheapest of another provider is among them. ``version`` of the
    catalogue (``Freshness``): what was looked through for it is not looked through again.
    """
    used = list(_rows(exchange).filter(remote_id__in=list(numbers)))
    families = sorted({service.model_family.casefold() for service in used})
    if not families:
        return []
    cheap = counted(version, f"cheap {families}", lambda: _cheap(exchange, families, version))
    found = {service.remote_id: service for service in [*used, *_rows(exchange).filter(pk__in=cheap)]}
    return [_offer(service) for service in found.values()]


def _rows(exchange: Exchange) -> QuerySet[Service]:
    return Service.objects.filter(exchange=exchange).select_related("provider")


def _cheap(exchange: Exchange, families: list[str], version: str) -> list[int]:
    """Primary keys of all that costs no more than the second provider's cheapest, family by family."""
    listed = Service.objects.filter(exchange=exchange, delisted_at=None).order_by()
    every = counted(
        version, "spellings", lambda: list(listed.values_list("model_family", flat=True).distinct())
    )
    spellings = {family: [name for name in every if name.casefold() == family] for family in families}
    lowest: defaultdict[str, dict[int, int]] = defaultdict(dict)
    rows = listed.filter(model_family__in=[name for names in spellings.values() for name in names])
    for name, provider, rank in rows.values_list("model_family", "provider").annotate(Min("price_rank")):
        of_family = lowest[name.casefold()]
        of_family[provider] = min(rank, of_family.get(provider, rank))
    second = {family: sorted(ranks.values())[:2][-1] for family, ranks in lowest.items()}
    picked = [Q(model_family__in=spellings[family], price_rank__lte=rank) for family, rank in second.items()]
    return list(listed.filter(reduce(or_, picked)).values_list("pk", flat=True)) if picked else []


def _offer(service: Service) -> Offer:
    return Offer(
        number=service.remote_id,
        name=service.name,
        model_family=service.model_family,
        provider=service.provider.remote_id,
        provider_name=service.provider.display_name,
        price_per_1k_tokens=service.price_per_1k_tokens,
        listed=service.delisted_at is None,
    )
