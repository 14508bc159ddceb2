"""Who sells, from the mirror: a page of providers with how much each offers, and figures of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from catalog.filters import ProviderFilter
from catalog.models import Provider, Service
from catalog.paging import PAGE_SIZE, Page

DEFAULT_SORT = "name"
SORTS: dict[str, Any] = {
    "name": _("Name, A to Z"),
    "-name": _("Name, Z to A"),
    "-offers": _("Most services"),
    "newest": _("Newest first"),
}
_ORDERS: dict[str, tuple[Any, ...]] = {
    "name": (Lower("display_name"), "remote_id"),
    "-name": (Lower("display_name").desc(), "-remote_id"),
    "-offers": (F("offers").desc(), "remote_id"),
    "newest": ("-listed_at", "-remote_id"),
}


@dataclass(frozen=True, slots=True)
class Seller:
    """A provider, and how many services it offers now."""

    provider: Provider
    offers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sellers:
    """A page of providers."""

    page: Page
    sellers: list[Seller]


@dataclass(frozen=True, slots=True)
class Offered:
    """How many services of a provider are listed, and how many no longer are."""

    listed: int
    delisted: int


def sort_named(name: str | None) -> str:
    """The order that an address names; the usual one for what is no order's name."""
    return name if name in SORTS else DEFAULT_SORT


def find(filters: ProviderFilter, sort: str, number: int) -> Sellers:
    """The providers that fit, in this order, on this page; nothing on a page beyond the end."""
    rows = filters.narrowed()
    page = Page(number, rows.count())
    if page.is_beyond:
        return Sellers(page=page, sellers=[])
    if sort == "-offers":
        rows = rows.annotate(offers=_how_many())
    providers = list(rows.order_by(*_ORDERS[sort])[page.start : page.start + PAGE_SIZE])
    counts = _counts(providers)
    sellers = [Seller(provider, counts.get(provider.pk, 0)) for provider in providers]
    return Sellers(page=page, sellers=sellers)


def offered_by(provider: Provider) -> Offered:
    """How much this provider offers, and offered."""
    counted = provider.services.aggregate(
        listed=Count("pk", filter=Q(delisted_at=None)), delisted=Count("delisted_at")
    )
    return Offered(counted["listed"], counted["delisted"])


def consumed_at(provider: Provider, used: Mapping[int, int]) -> int:
    """Tokens of this provider's services among those that were used: by the Exchange's service number."""
    own = provider.services.filter(remote_id__in=used).values_list("remote_id", flat=True)
    return sum(used[number] for number in own)


def _how_many() -> Any:
    offered = Service.objects.filter(provider=OuterRef("pk"), delisted_at=None).order_by()
    counted = offered.values("provider").annotate(many=Count("pk")).values("many")
    return Coalesce(Subquery(counted), 0)


def _counts(providers: Iterable[Provider]) -> dict[int, int]:
    offered = Service.objects.filter(provider__in=[provider.pk for provider in providers], delisted_at=None)
    return dict(offered.order_by().values_list("provider").annotate(Count("pk")))
