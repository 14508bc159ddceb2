"""What keys spent, the limits that they reached, and the entries beyond them, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.operating.filters import LinkedFilter
from accounts.operating.lists import LongTableAdmin, link
from usage.models import BudgetNotice, KeyDay, OverBudget


class OfAKeyFilter(LinkedFilter):
    title, parameter_name = _("API key"), "key"


class OfAKeyAdmin(LongTableAdmin):
    """Newest first; those of one key, to which its links lead."""

    search_fields = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("key")

    @admin.display(description=_("API key"))
    def key_link(self, row: Any) -> str:
        return link(row.key, row.key)


@admin.register(KeyDay)
class KeyDayAdmin(OfAKeyAdmin):
    list_display = ("day", "key_link", "entries", "tokens", "cost_nanos", "unpriced_tokens")
    list_filter = (OfAKeyFilter,)
    fields = ("key_link", "day", "entries", "tokens", "cost_nanos", "unpriced_tokens")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["-day"] if "key" in request.GET else ["-id"]


@admin.register(OverBudget)
class OverBudgetAdmin(OfAKeyAdmin):
    list_display = ("__str__", "entry_link", "key_link", "unit", "period", "starts_on", "limit", "spent")
    fields = ("entry_link", "key_link", "unit", "period", "starts_on", "limit", "spent")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OverBudget]:
        return OverBudget.objects.select_related("key", "entry")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["-entry_id"]

    @admin.display(description=_("entry"))
    def entry_link(self, mark: OverBudget) -> str:
        return link(mark.entry, mark.entry)


@admin.register(BudgetNotice)
class BudgetNoticeAdmin(OfAKeyAdmin):
    list_display = (
        "noted_at",
        "key_link",
        "kind",
        "threshold",
        "limit",
        "unit",
        "period",
        "sent_at",
        "attempts",
    )
    fields = (
        "key_link",
        "kind",
        "unit",
        "period",
        "starts_on",
        "threshold",
        "limit",
        "spent",
        "noted_at",
        "sent_at",
        "attempts",
    )

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["-id"]
