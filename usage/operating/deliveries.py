"""Deliveries, their attempts and the queue in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.operating.lists import FirstRows, InlineRows, LongTableAdmin, ReadOnlyAdmin, link
from usage.models import Delivery, DeliveryAttempt, DeliveryQueue
from usage.operating.filters import DeliveryDaysFilter
from usage.operating.search import keys_of_entries

if TYPE_CHECKING:  # Django's own class cannot be subscripted as the program runs
    AttemptInline = admin.TabularInline[DeliveryAttempt, Delivery]
else:
    AttemptInline = admin.TabularInline


class UnsettledFilter(admin.SimpleListFilter):
    """What may need somebody. The settled are nearly all there are: look for them by day."""

    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        state = Delivery.State
        return [
            (one.value, one.label) for one in (state.PENDING, state.SENDING, state.UNCERTAIN, state.REJECTED)
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(state=self.value()) if known else queryset


class AttemptRows(InlineRows, AttemptInline):
    model = DeliveryAttempt
    formset = FirstRows
    fields = ("number", "started_at", "ended_at", "outcome", "status", "error", "request_id")


@admin.register(Delivery)
class DeliveryAdmin(LongTableAdmin):
    list_display = (
        "number",
        "account",
        "state",
        "attempts",
        "next_attempt_at",
        "settled_at",
        "entry_link",
        "error",
    )
    list_display_links = ("number",)
    list_select_related = ("account__user", "account__exchange", "entry")
    list_filter = (DeliveryDaysFilter, UnsettledFilter)
    search_help_text = _("The whole hash, id or number of the entry.")
    inlines = (AttemptRows,)

    def get_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[Any]:
        return [field.name for field in Delivery._meta.fields if field.name != "lease"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return Delivery.objects.select_related("account__user", "account__exchange", "entry")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Newest first; what waits, in the order in which it is sent."""
        return {
            Delivery.State.PENDING.value: ["exchange_id", "next_attempt_at", "entry_id"],
            Delivery.State.SENDING.value: ["exchange_id", "leased_until"],
            Delivery.State.UNCERTAIN.value: ["state", "-entry_id"],
            Delivery.State.REJECTED.value: ["state", "-entry_id"],
        }.get(request.GET.get("state", ""), ["-entry_id"])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=keys_of_entries(search_term)), False

    @admin.display(description=_("number"))
    def number(self, delivery: Delivery) -> str:
        return f"#{delivery.seq}"

    @admin.display(description=_("entry"))
    def entry_link(self, delivery: Delivery) -> str:
        return link(delivery.entry, delivery.entry)


@admin.register(DeliveryQueue)
class DeliveryQueueAdmin(ReadOnlyAdmin):
    list_display = (
        "exchange",
        "worker_seen_at",
        "delivered_at",
        "reconciled_at",
        "paused_until",
        "failures",
        "failure",
    )
    list_select_related = ("exchange",)
    search_fields = ("exchange__base_url",)
