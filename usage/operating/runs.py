"""Chains, reconciliations and verifications in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.operating.lists import FirstRows, InlineRows, LongTableAdmin, code, link, list_link
from usage.models import Chain, LedgerEntry, ReconciliationLine, ReconciliationRun, VerificationRun
from usage.operating.filters import AccountFilter, RunFilter, StartedFilter
from usage.operating.search import account_of

if TYPE_CHECKING:  # Django's own class cannot be subscripted as the program runs
    LineInline = admin.TabularInline[ReconciliationLine, ReconciliationRun]
else:
    LineInline = admin.TabularInline


class StatusFilter(admin.SimpleListFilter):
    title, parameter_name = _("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(one.value, one.label) for one in ReconciliationRun.Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(status=self.value()) if known else queryset


class IntactFilter(admin.SimpleListFilter):
    title, parameter_name = _("intact"), "ok"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(ok__in=[self.value() == "yes"]) if known else queryset


class OfAnAccountAdmin(LongTableAdmin):
    """What an account has one after another; found by day, by the account, or by the person's address."""

    search_help_text = _("The whole address of a person.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("account__user", "account__exchange")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["-started_at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        account = account_of(search_term)
        return queryset.filter(account=account) if account else queryset.none(), False


@admin.register(Chain)
class ChainAdmin(LongTableAdmin):
    list_display = ("account", "seq", "newest_hash", "recorded_at", "entries")
    list_select_related = ("account__user", "account__exchange")
    search_help_text = OfAnAccountAdmin.search_help_text
    fields = (
        "account",
        "chain_id",
        "seq",
        "newest_hash",
        "consumed_tokens",
        "supplied_tokens",
        "cost_nanos",
        "revenue_nanos",
        "recorded_at",
        "entries",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chain]:
        return Chain.objects.select_related("account__user", "account__exchange")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["-account_id"]

    get_search_results = OfAnAccountAdmin.get_search_results

    @admin.display(description=_("newest hash"))
    def newest_hash(self, chain: Chain) -> str:
        return code(chain.hash)

    @admin.display(description=_("entries"))
    def entries(self, chain: Chain) -> str:
        return list_link(LedgerEntry, _("Entries"), account=chain.account_id)


class LineRows(InlineRows, LineInline):
    """The first of the lines that did not match; the list has them all."""

    model = ReconciliationLine
    formset = FirstRows
    fields = ("kind", "entry_link", "exchange_entry_id", "message")
    readonly_fields = ("entry_link",)
    ordering = ("kind", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationLine]:
        return super().get_queryset(request).select_related("entry")

    @admin.display(description=_("entry"), empty_value="–")
    def entry_link(self, line: ReconciliationLine) -> str | None:
        return None if line.entry is None else link(line.entry, line.entry)


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(OfAnAccountAdmin):
    list_display = (
        "started_at",
        "account",
        "status",
        "has_lines",
        "statement_chain_ok",
        "acknowledged_at",
        "reason",
    )
    list_filter = (StartedFilter, StatusFilter, AccountFilter)
    inlines = (LineRows,)
    fields = (
        "account",
        "started_at",
        "finished_at",
        "status",
        "reason",
        "has_lines",
        "totals",
        "lines",
        "every_line",
        "head_seq",
        "our_hash",
        "statement_last_id",
        "their_hash",
        "statement_chain_ok",
        "acknowledged_at",
        "acknowledged_by",
        "note",
    )

    @admin.display(description=_("every line"))
    def every_line(self, run: ReconciliationRun) -> str:
        return list_link(ReconciliationLine, _("Lines"), run=run.pk)

    @admin.display(description=_("our newest hash"))
    def our_hash(self, run: ReconciliationRun) -> str:
        return code(run.head_hash)

    @admin.display(description=_("their newest hash"))
    def their_hash(self, run: ReconciliationRun) -> str:
        return code(run.statement_hash)


@admin.register(ReconciliationLine)
class ReconciliationLineAdmin(LongTableAdmin):
    """The lines of a run, to which that run's page leads; all of them, newest first, without."""

    list_display = ("run", "kind", "entry_link", "exchange_entry_id", "message")
    list_filter = (RunFilter,)
    search_fields = []
    fields = ("run", "kind", "entry_link", "exchange_entry_id", "theirs", "message")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationLine]:
        return ReconciliationLine.objects.select_related(
            "entry", "run__account__user", "run__account__exchange"
        )

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ["kind", "id"] if "run" in request.GET else ["-id"]

    entry_link = LineRows.entry_link


@admin.register(VerificationRun)
class VerificationRunAdmin(OfAnAccountAdmin):
    list_display = (
        "started_at",
        "account",
        "ok",
        "entries",
        "problem_count",
        "unanchored_since",
        "finished_at",
    )
    list_filter = (StartedFilter, IntactFilter, AccountFilter)
    fields = (
        "account",
        "started_at",
        "finished_at",
        "ok",
        "entries",
        "head_seq",
        "hash_of_head",
        "unanchored_since",
        "problem_count",
        "problems",
    )

    @admin.display(description=_("newest hash"))
    def hash_of_head(self, run: VerificationRun) -> str:
        return code(run.head_hash)
