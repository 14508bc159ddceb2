"""The quarantine in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.operating.filters import DaysFilter
from accounts.operating.lists import LongTableAdmin, link
from usage.models import QuarantinedRow
from usage.operating.filters import AccountFilter
from usage.operating.runs import OfAnAccountAdmin


class ReceivedFilter(DaysFilter):
    title = _("day of receipt (UTC)")
    field = "received_at"


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(LongTableAdmin):
    """Rows of LiteLLM's that a person has to place, or had to."""

    list_display = ("received_at", "account", "reason", "model", "tokens", "state", "entry_link")
    list_filter = (ReceivedFilter, AccountFilter)
    search_help_text = OfAnAccountAdmin.search_help_text
    fields = (
        "account",
        "api_key",
        "received_at",
        "reason",
        "detail",
        "kept",
        "identity",
        "model",
        "tokens",
        "state",
        "settled_at",
        "entry_link",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuarantinedRow]:
        return QuarantinedRow.objects.select_related("account__user", "account__exchange", "entry")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["-received_at", "-id"]

    get_search_results = OfAnAccountAdmin.get_search_results

    @admin.display(description=_("entry"), empty_value="–")
    def entry_link(self, row: QuarantinedRow) -> str | None:
        return None if row.entry is None else link(row.entry, row.entry)
