"""Providers, services, prices and mirrors for the operator: to look at, for only the program writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin
from accounts.models import Exchange
from catalog.models import Mirror, PriceChange, Provider, Service

MOST_ROWS = 10_000
MOST_FAMILIES = 50

if TYPE_CHECKING:  # Django's own class cannot be subscripted as the program runs
    RowPaginator = Paginator[Model]
else:
    RowPaginator = Paginator


class BoundedPaginator(RowPaginator):
    """Counts no further than ten thousand rows, whatever the table holds: beyond them one searches."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:MOST_ROWS].count() if isinstance(rows, QuerySet) else len(rows)


class CatalogueAdmin(ReadOnlyAdmin):
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50


class ListedFilter(admin.SimpleListFilter):
    title = _("listed")
    parameter_name = "listed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("yes", _("Listed")), ("no", _("Delisted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(delisted_at__isnull=self.value() == "yes")


class ServiceExchangeFilter(admin.SimpleListFilter):
    """A price's Exchange, through its service: Django's own filter would join for its choices."""

    title = _("Exchange")
    parameter_name = "exchange"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(str(pk), url) for pk, url in Exchange.objects.values_list("pk", "base_url")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        known = chosen in {value for value, _title in self.lookup_choices}
        return queryset.filter(service__exchange_id=int(chosen)) if known else queryset


class FamilyFilter(admin.SimpleListFilter):
    """The model families with the most services; the others are found by searching."""

    title = _("model family")
    parameter_name = "family"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        families = Service.objects.values_list("model_family").annotate(services=Count("pk"))
        return [
            (name, f"{name} ({services})")
            for name, services in families.order_by("-services", "model_family")[:MOST_FAMILIES]
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(model_family=self.value()) if self.value() is not None else queryset


@admin.register(Mirror)
class MirrorAdmin(CatalogueAdmin):
    list_display = ["exchange", "refreshed_at", "failed_at", "failure", "orphan_count", "leased_until"]
    list_select_related = ["exchange"]
    search_fields = ["exchange__base_url", "failure"]
    fields = [
        "exchange",
        "refreshed_at",
        "failed_at",
        "failure",
        "orphan_count",
        "orphans",
        "leased_until",
        "services_etag",
        "providers_etag",
    ]


@admin.register(Provider)
class ProviderAdmin(CatalogueAdmin):
    list_display = ["remote_id", "display_name", "user_remote_id", "exchange", "listed_at", "delisted_at"]
    list_display_links = ["remote_id", "display_name"]
    list_select_related = ["exchange"]
    list_filter = [ListedFilter, "exchange"]
    search_fields = ["=remote_id", "display_name", "description"]
    search_help_text = _("Number at the Exchange, name or description.")
    ordering = ["exchange", "remote_id"]


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin):
    list_display = [
        "remote_id",
        "name",
        "model_family",
        "price",
        "trial_tokens",
        "provider",
        "exchange",
        "listed_at",
        "delisted_at",
    ]
    list_display_links = ["remote_id", "name"]
    list_select_related = ["provider", "exchange"]
    list_filter = [ListedFilter, "exchange", FamilyFilter]
    search_fields = ["=remote_id", "name", "model_family", "provider__display_name"]
    search_help_text = _("Number at the Exchange, name, model family or provider.")
    ordering = ["exchange", "remote_id"]

    @admin.display(description=_("USD per 1,000 tokens"), ordering="price_rank")
    def price(self, service: Service) -> str:
        return format(service.price_per_1k_tokens, "f")


@admin.register(PriceChange)
class PriceChangeAdmin(CatalogueAdmin):
    list_display = ["observed_at", "number", "service", "price", "exchange"]
    list_display_links = ["observed_at", "number"]
    list_select_related = ["service__exchange"]
    list_filter = [ServiceExchangeFilter]
    search_fields = ["=service__remote_id", "service__name"]
    search_help_text = _("The service's number at the Exchange, or its name.")
    # the newest that were written: by the key, which needs no sorting
    ordering = ["-id"]

    @admin.display(description=_("service number there"))
    def number(self, change: PriceChange) -> int:
        return change.service.remote_id

    @admin.display(description=_("USD per 1,000 tokens"))
    def price(self, change: PriceChange) -> str:
        return format(change.price_per_1k_tokens, "f")

    @admin.display(description=_("Exchange"))
    def exchange(self, change: PriceChange) -> Exchange:
        return change.service.exchange
