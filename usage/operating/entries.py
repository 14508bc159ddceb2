"""The entries in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.operating.lists import LongTableAdmin, code, link
from usage.models import LedgerEntry
from usage.operating.filters import AccountFilter, KeyFilter, RecordedFilter
from usage.operating.search import account_of, keys_of_entries


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LongTableAdmin):
    list_display = (
        "recorded_at",
        "number",
        "account",
        "direction",
        "service",
        "tokens",
        "cost",
        "key",
        "delivery_state",
    )
    list_display_links = ("recorded_at", "number")
    list_select_related = ("account__user", "account__exchange", "api_key", "delivery")
    list_filter = (RecordedFilter, AccountFilter, KeyFilter)
    search_help_text = _("The whole hash, id, number or address of a person.")

    def get_fields(self, request: HttpRequest, obj: LedgerEntry | None = None) -> list[Any]:
        own = [field.name for field in LedgerEntry._meta.fields if field.name not in ("hash", "prev_hash")]
        return [*own, "exact_prev_hash", "exact_hash", "delivery_state", "pair"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.select_related("account__user", "account__exchange", "api_key", "delivery")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Newest first, each along the index that finds what was asked for."""
        if "account" in request.GET or account_of(request.GET.get("q", "")):
            return ["-seq"]
        return ["-occurred_at", "-seq"] if "api_key" in request.GET else ["-recorded_at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        if account := account_of(search_term):
            return queryset.filter(account=account), False
        return queryset.filter(pk__in=keys_of_entries(search_term)), False

    @admin.display(description=_("number"))
    def number(self, entry: LedgerEntry) -> str:
        return f"#{entry.seq}"

    @admin.display(description=_("service"))
    def service(self, entry: LedgerEntry) -> str:
        return entry.service_name or f"#{entry.service_id}"

    @admin.display(description=_("tokens"))
    def tokens(self, entry: LedgerEntry) -> str:
        return _signed(entry.sign * entry.total_tokens)

    @admin.display(description=_("nano-dollars"), empty_value="–")
    def cost(self, entry: LedgerEntry) -> str | None:
        return None if entry.cost_nanos is None else _signed(entry.sign * entry.cost_nanos)

    @admin.display(description=_("API key"), empty_value="–")
    def key(self, entry: LedgerEntry) -> str | None:
        return None if entry.api_key is None else link(entry.api_key, entry.api_key)

    @admin.display(description=_("delivery"), empty_value="–")
    def delivery_state(self, entry: LedgerEntry) -> str | None:
        delivery = getattr(entry, "delivery", None)
        return None if delivery is None else link(delivery, delivery.get_state_display())

    @admin.display(description=_("hash"))
    def exact_hash(self, entry: LedgerEntry) -> str:
        return code(entry.hash)

    @admin.display(description=_("previous hash"))
    def exact_prev_hash(self, entry: LedgerEntry) -> str:
        return code(entry.prev_hash)

    @admin.display(description=_("reversal"), empty_value="–")
    def pair(self, entry: LedgerEntry) -> str | None:
        """What it reverses, or what reverses it."""
        mine = LedgerEntry.objects.filter(account=entry.account_id)
        reverses = entry.reverses_seq
        pair = mine.filter(reverses_seq=entry.seq) if reverses is None else mine.filter(seq=reverses)
        other = pair.first()
        return None if other is None else link(other, other)


def _signed(number: int) -> str:
    return f"{number:,}".replace("-", "\u2212")
