"""Filters for tables of any size: nothing is counted to offer a choice, and each is found along an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from exchange.fields import INT64_MAX

_NUMBER = re.compile(r"#?([0-9]{1,19})")


def number_in(text: str) -> int | None:
    """The number that somebody typed, with or without #; None for something else."""
    match = _NUMBER.fullmatch(text.strip())
    return int(match[1]) if match and int(match[1]) <= INT64_MAX else None


class DaysFilter(admin.ListFilter):
    """From one day to another, both included, in UTC; typed: ten million rows have no tree of dates."""

    title = _("day (UTC)")
    template = "admin/days_filter.html"
    field = ""

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]
        kept = {name for name in request.GET if name not in (*self.expected_parameters(), "p")}
        self.others = [(name, value) for name in sorted(kept) for value in request.GET.getlist(name)]

    @classmethod
    def expected_parameters(cls) -> list[Any]:
        return ["since", "until"]

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """The two fields, what was typed in them, and the list's other parameters, to be kept."""
        typed = {name: self.used_parameters.get(name, "") for name in self.expected_parameters()}
        yield {
            **typed,
            "others": self.others,
            "bad": any(typed[name] and not self.day(name) for name in typed),
        }

    def day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(str(self.used_parameters.get(name, "")))
        except ValueError:
            return None

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """From when, and before when."""
        since, until = self.day("since"), self.day("until")
        return (
            datetime(since.year, since.month, since.day, tzinfo=UTC) if since else None,
            datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)
            if until and until < date.max
            else None,
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since, before = self.moments()
        if since:
            queryset = queryset.filter(**{f"{self.field}__gte": since})
        return queryset.filter(**{f"{self.field}__lt": before}) if before else queryset


class LinkedFilter(admin.SimpleListFilter):
    """Shows the rows of one other row, to which a link led; offers none by itself: there may be thousands."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = request.GET.get(str(self.parameter_name), "")
        return [(value, f"#{value}")] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = number_in(self.value() or "")
        if self.value() is None:
            return queryset
        return queryset.none() if chosen is None else queryset.filter(**{str(self.parameter_name): chosen})
