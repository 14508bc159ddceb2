"""What the admin shows of what only the program writes; and its lists that are fast over ten million rows.

Such a list is read along an index, and not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html

MOST_ROWS = 1000
"""Rows that one can leaf through; older ones are found by day or by searching."""
MOST_INLINE = 100

if TYPE_CHECKING:  # Django's own classes cannot be subscripted as the program runs
    RowPaginator = Paginator[Model]
    RowFormSet = BaseInlineFormSet[Any, Any, Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    RowPaginator, RowFormSet, AnyModelAdmin = Paginator, BaseInlineFormSet, admin.ModelAdmin


class ReadOnlyAdmin(AnyModelAdmin):
    """For what only the program writes."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        try:
            # an empty _to_field in the address names no field
            return super().get_object(request, object_id, from_field or None)
        except OverflowError:  # a number that is nobody's: SQLite cannot even be asked for it
            return None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class IndexPaginator(RowPaginator):
    """Counts along the list's own index, and no further than one can leaf."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return int(rows.select_related(None).values("pk")[:MOST_ROWS].count())


class IndexedList(ChangeList):
    """Sorts as the admin class says for these parameters, and by nothing more: an index has that order."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return list(self.model_admin.get_ordering(request))


def code(text: str) -> str:
    """A hash, in letters of one width."""
    return format_html("<code>{}</code>", text) if text else "–"


def link(row: Model, text: object) -> str:
    """A link to the row's own page here."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[row.pk]), text)


def list_link(model: type[Model], text: object, **parameters: object) -> str:
    """A link to the list of other rows that belong here."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return format_html('<a href="{}">{}</a>', reverse(name, query=parameters), text)


class LongTableAdmin(ReadOnlyAdmin):
    """A list over a table of any size: in one order, which an index has, and not counted."""

    show_full_result_count = False
    # they would count the whole table for each choice
    show_facets = ShowFacets.NEVER
    paginator = IndexPaginator
    most_rows = MOST_ROWS
    list_per_page = 50
    list_max_show_all = 0
    sortable_by = ()
    # so that there is a field to search in; what is done with it stands in get_search_results
    search_fields = ["pk"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[IndexedList]:
        return IndexedList


class InlineRows:
    """The first of the rows that belong to another, which may have any number; none is changed here."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class FirstRows(RowFormSet):
    def get_queryset(self) -> Any:
        if not hasattr(self, "_first"):
            self._first = list(super().get_queryset()[:MOST_INLINE])
        return self._first
