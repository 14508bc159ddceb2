"""The filters of the books' lists, each along an index of theirs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.operating.filters import DaysFilter, LinkedFilter
from usage.models import LedgerEntry


class RecordedFilter(DaysFilter):
    title = _("day of recording (UTC)")
    field = "recorded_at"


class StartedFilter(DaysFilter):
    title = _("day of the run (UTC)")
    field = "started_at"


class DeliveryDaysFilter(DaysFilter):
    """By the day on which the entry was recorded: entries get their keys, which are these, in that order."""

    title = RecordedFilter.title

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since, before = self.moments()
        for moment, lookup in ((since, "pk__gte"), (before, "pk__lt")):
            if moment is not None:
                first = LedgerEntry.objects.filter(recorded_at__gte=moment).order_by("recorded_at", "id")
                key = first.values_list("pk", flat=True).first()
                if key is not None:
                    queryset = queryset.filter(**{lookup: key})
                elif lookup == "pk__gte":
                    return queryset.none()
        return queryset


class AccountFilter(LinkedFilter):
    title, parameter_name = _("account"), "account"


class KeyFilter(LinkedFilter):
    title, parameter_name = _("API key"), "api_key"


class RunFilter(LinkedFilter):
    title, parameter_name = _("reconciliation run"), "run"
