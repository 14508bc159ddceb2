"""What the mirror says is on offer: a page of it in an order, and what it can be narrowed to.

A page costs the same wherever it lies: its keys are looked up along an index, and only its own rows are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.expressions import Combinable, OrderBy
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Exchange
from catalog.counting import counted
from catalog.filters import ServiceFilter
from catalog.models import Provider, Service
from catalog.paging import PAGE_SIZE, Page

MOST_CHOICES = 40
"""A list to choose from is no longer than this; more is for the search."""
FREQUENT = 20
"""A page whose end lies within this part of all that fit is met early, whatever it is that fits."""
LABEL = 60
"""Characters of a name in a list to choose from."""
DEFAULT_SORT = "price"
SORTS: dict[str, Any] = {
    "price": _("Cheapest first"),
    "-price": _("Dearest first"),
    "name": _("Name, A to Z"),
    "-name": _("Name, Z to A"),
    "provider": _("Provider, A to Z"),
    "-provider": _("Provider, Z to A"),
    "-trial": _("Most trial tokens"),
    "trial": _("Fewest trial tokens"),
    "newest": _("Newest first"),
    "oldest": _("Oldest first"),
}
# every order ends with the number, so that rows that are alike never change places
_ORDERS: dict[str, tuple[str | Combinable | OrderBy, ...]] = {
    "price": ("price_rank", "remote_id"),
    "-price": ("-price_rank", "-remote_id"),
    "name": (Lower("name"), "remote_id"),
    "-name": (Lower("name").desc(), "-remote_id"),
    "-trial": ("-trial_tokens", "-remote_id"),
    "trial": ("trial_tokens", "remote_id"),
    "newest": ("-listed_at", "-remote_id"),
    "oldest": ("listed_at", "remote_id"),
}


@dataclass(frozen=True, slots=True)
class FamilyChoice:
    """A model family, and how many services of it fit the other filters."""

    name: str
    count: int

    @property
    def label(self) -> str:
        return self.name[:LABEL]


@dataclass(frozen=True, slots=True)
class ProviderChoice:
    """A provider by the Exchange's number of it, and its name as a list has room for it."""

    number: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """A page of services, and what the form beside it offers."""

    page: Page
    services: list[Service]
    families: list[FamilyChoice]


def sort_named(name: str | None) -> str:
    """The order that an address names; the usual one for what is no order's name."""
    return name if name in SORTS else DEFAULT_SORT


def find(filters: ServiceFilter, sort: str, number: int, version: str = "") -> Offers:
    """The services that fit, in this order, on this page; nothing on a page beyond the end.

    ``version`` of the catalogue (``Freshness``): what was counted for it is not counted again.
    """
    asked = filters.chosen
    others = sorted((name, value) for name, value in asked.items() if name != "family")
    by_family = dict(counted(version, f"families {filters.own} {others}", lambda: _by_family(filters)))
    if "family" in asked:
        by_family.setdefault(asked["family"], 0)
        total = by_family[asked["family"]]
    else:
        total = sum(by_family.values())
    page = Page(number, total)
    rows = filters.narrowed(frequent=page.last_row * FREQUENT <= total)
    return Offers(
        page=page,
        services=[] if page.is_beyond or not total else _rows(rows, filters.exchange, sort, page),
        families=_families(by_family, asked.get("family")),
    )


def _by_family(filters: ServiceFilter) -> dict[str, int]:
    rows = filters.narrowed(without=["family"])
    return dict(rows.order_by().values_list("model_family").annotate(Count("pk")))


def of_provider(provider: Provider) -> list[Service]:
    """The first page of what a provider offers, cheapest first."""
    rows = provider.services.filter(delisted_at=None).select_related("provider")
    return list(rows.order_by(*_ORDERS["price"])[:PAGE_SIZE])


def _rows(rows: QuerySet[Service], exchange: Exchange, sort: str, page: Page) -> list[Service]:
    if sort.endswith("provider"):
        rows, start = _among_providers(rows, exchange, page, backwards=sort.startswith("-"))
        name = Lower("provider__display_name")
        by_name = name.desc() if sort.startswith("-") else name.asc()
        order = (by_name, "provider__remote_id", *_ORDERS["price"])
    else:
        start, order = page.start, _ORDERS[sort]
    keys = list(rows.order_by(*order).values_list("pk", flat=True)[start : start + PAGE_SIZE])
    found = Service.objects.select_related("provider").in_bulk(keys)
    return [found[key] for key in keys]


def _among_providers(
    rows: QuerySet[Service], exchange: Exchange, page: Page, *, backwards: bool
) -> tuple[QuerySet[Service], int]:
    """Only those providers' services that this page can hold, and where among them it starts.

    No index joins two tables; but providers are few, and their counts say where a page begins.
    """
    counts = dict(rows.order_by().values_list("provider").annotate(Count("pk")))
    name = Lower("display_name")
    providers = Provider.objects.filter(exchange=exchange)
    ordered = providers.order_by(name.desc() if backwards else name.asc(), "remote_id")
    passed, start = 0, page.start
    held: list[int] = []
    for key in ordered.values_list("pk", flat=True):
        count = counts.get(key, 0)
        if count and passed + count > page.start:
            if not held:
                start = page.start - passed
            held.append(key)
        passed += count
        if passed >= page.start + PAGE_SIZE:
            break
    return rows.filter(provider__in=held), start


def _families(by_family: dict[str, int], chosen: str | None) -> list[FamilyChoice]:
    most = sorted(by_family, key=lambda name: (-by_family[name], name))[:MOST_CHOICES]
    if chosen is not None and chosen not in most:
        most.append(chosen)
    return [FamilyChoice(name, by_family[name]) for name in sorted(most, key=_in_any_case)]


def provider_choices(exchange: Exchange, chosen: str | None, version: str = "") -> list[ProviderChoice]:
    """The providers to choose from, by name: all, or where they are too many those that offer most.

    ``chosen``, a provider's number, is among them if there is such a provider.
    """
    found = list(counted(version, "providers", lambda: _largest_providers(exchange)))
    if chosen is not None and int(chosen) not in dict(found):
        named = Provider.objects.filter(exchange=exchange, remote_id=int(chosen))
        found += named.values_list("remote_id", "display_name")
    found.sort(key=lambda row: (_in_any_case(row[1]), row[0]))
    return [ProviderChoice(str(number), name[:LABEL]) for number, name in found]


def _largest_providers(exchange: Exchange) -> list[tuple[int, str]]:
    listed = Provider.objects.filter(exchange=exchange, delisted_at=None)
    found = list(listed.values_list("remote_id", "display_name")[: MOST_CHOICES + 1])
    if len(found) > MOST_CHOICES:
        offered = Service.objects.filter(exchange=exchange, delisted_at=None)
        largest = offered.values("provider").annotate(offers=Count("pk")).order_by("-offers", "provider")
        keys = [row["provider"] for row in largest[:MOST_CHOICES]]
        found = list(Provider.objects.filter(pk__in=keys).values_list("remote_id", "display_name"))
    return found


def _in_any_case(name: str) -> tuple[str, str]:
    return name.casefold(), name
