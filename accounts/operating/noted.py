"""What people can change in the admin: each change is an event of the audit trail, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts import audit
from accounts.models import User
from accounts.models.audit import SubjectKind

if TYPE_CHECKING:  # Django's own class cannot be subscripted as the program runs
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class NotedAdmin(AnyModelAdmin):
    """The base of every admin class with which something can be added, changed or deleted."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.note("person.added" if isinstance(obj, User) else "admin.added", subject=subject_of(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.note(
            "person.changed" if isinstance(obj, User) else "admin.changed",
            subject=subject_of(obj),
            detail=self.detail_of(obj, changed_in(message)),
        )
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        for obj in queryset:
            audit.note("admin.deleted", subject=subject_of(obj))
        return super().log_deletions(request, queryset)  # type: ignore[arg-type]  # Django hands in a list, too

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **more: Any
    ) -> HttpResponse | None:
        """What is done to several at once is done and noted, or neither."""
        with transaction.atomic():
            return super().response_action(request, queryset, *args, **more)

    def detail_of(self, obj: Any, changed: list[str]) -> dict[str, Any]:
        """What an event says of a change, with the names of the fields that were changed."""
        return {"changed": changed}


def subject_of(obj: Model) -> audit.Subject:
    """An object of the admin as an event's subject."""
    if isinstance(obj, User):
        return audit.of_person(obj)
    if isinstance(obj, Group):
        return audit.Subject(SubjectKind.GROUP, obj.pk, obj.name)
    return audit.Subject(SubjectKind.OTHER, obj.pk, f"{obj._meta.label}: {obj}")


def changed_in(message: Any) -> list[str]:
    """The fields' names in what the admin says of a change."""
    parts = message if isinstance(message, list) else []
    found = [part.get("changed", {}) for part in parts if isinstance(part, dict)]
    return [str(name) for one in found for name in one.get("fields", [])]
