"""The audit trail in the admin: found by day, action, source, outcome and person, and taken along as CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import AuditEvent
from accounts.models.audit import Action, Outcome, Source, SubjectKind
from accounts.operating.filters import DaysFilter, LinkedFilter
from accounts.operating.lists import LongTableAdmin, link, list_link
from accounts.spreadsheets import Echo, cell

MOST_EXPORTED = 10_000
SEARCHED_BACK = 10_000
"""Of the newest events, the names of their subjects are looked through; older ones are found by an index."""
_OUR_REQUEST = re.compile(r"[0-9a-f]{32}")
_A_PROXYS_REQUEST = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SUBJECT = re.compile(rf"({'|'.join(SubjectKind.values)}) +#?([^ ]{{1,64}})")
_NUMBER = re.compile(r"#?([0-9]{1,19})")
PAGES = {
    SubjectKind.KEY: "accounts_apikey",
    SubjectKind.PERSON: "accounts_user",
    SubjectKind.GROUP: "auth_group",
}
COLUMNS = (
    "at",
    "action",
    "outcome",
    "source",
    "email",
    "actor_id",
    "account_id",
    "network",
    "agent",
    "session",
    "api_key_id",
    "subject_kind",
    "subject_id",
    "subject_name",
    "request_id",
    "detail",
)


class EventDaysFilter(DaysFilter):
    title = _("day (UTC)")
    field = "at"


class ChoiceFilter(admin.SimpleListFilter):
    """One of a closed list; anything else narrows nothing."""

    choices_of: list[tuple[str, Any]] = []

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return self.choices_of

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(**{str(self.parameter_name): self.value()}) if known else queryset


class ActionFilter(ChoiceFilter):
    title, parameter_name = _("action"), "action"
    choices_of = Action.choices


class SourceFilter(ChoiceFilter):
    title, parameter_name = _("source"), "source"
    choices_of = Source.choices


class OutcomeFilter(ChoiceFilter):
    title, parameter_name = _("outcome"), "outcome"
    # nearly all is done: that choice would narrow nothing
    choices_of = [(one.value, one.label) for one in (Outcome.REFUSED, Outcome.FAILED)]


class PersonFilter(LinkedFilter):
    title, parameter_name = _("person"), "actor"


@admin.register(AuditEvent)
class AuditEventAdmin(LongTableAdmin):
    list_display = ("at", "who", "what", "about", "outcome_words", "source", "network", "agent")
    list_display_links = ("at",)
    list_filter = (EventDaysFilter, OutcomeFilter, SourceFilter, PersonFilter, ActionFilter)
    search_help_text = _("A whole address or request id; a subject, such as key 12; or words of its name.")
    actions = ("export_selected",)
    fields = (
        "at",
        "who",
        "what",
        "about",
        "outcome_words",
        "source",
        "network",
        "agent",
        "session",
        "key",
        "account",
        "request_id",
        "exact_detail",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return AuditEvent.objects.select_related("account__user", "account__exchange", "api_key")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Newest first, along the index that finds what was asked for."""
        return ["-id"] if request.GET.get("q", "").strip() else ["-at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        if "@" in words:
            return queryset.filter(email=words.lower()), False
        if _OUR_REQUEST.fullmatch(words.lower()):
            return queryset.filter(request_id=words.lower()), False
        of_request = queryset.filter(request_id=words)
        if _A_PROXYS_REQUEST.fullmatch(words) and of_request.exists():
            return of_request, False
        if subject := _SUBJECT.fullmatch(words.lower()):
            return queryset.filter(subject_kind=subject[1], subject_id=subject[2]), False
        if number := _NUMBER.fullmatch(words):
            return queryset.filter(subject_id=number[1]), False
        newest = AuditEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
        return queryset.filter(pk__gt=newest - SEARCHED_BACK, subject_name__icontains=words), False

    @admin.action(description=_("Export the selected events as CSV"), permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> HttpResponseBase:
        """The newest 10,000 of them at the most; that they were taken along is an event itself."""
        chosen = "all that fit" if request.POST.get("select_across") == "1" else "those that were ticked"
        newest = AuditEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
        audit.note("audit.exported", detail={"chosen": chosen})
        # without its own note, and without what comes in meanwhile
        rows = queryset.filter(pk__lte=newest).order_by("-at", "-id")[:MOST_EXPORTED]
        name = f"audit-{timezone.now():%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(as_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)

    @admin.display(description=_("person"), empty_value="–")
    def who(self, event: AuditEvent) -> str | None:
        if event.actor_id is None:
            return event.email or None
        return list_link(AuditEvent, event.email, actor=event.actor_id)

    @admin.display(description=_("action"))
    def what(self, event: AuditEvent) -> str:
        return event.get_action_display()

    @admin.display(description=_("outcome"))
    def outcome_words(self, event: AuditEvent) -> str:
        words = event.get_outcome_display()
        return f"{words}: {', '.join(event.rules)}" if event.rules else words

    @admin.display(description=_("subject"), empty_value="–")
    def about(self, event: AuditEvent) -> str | None:
        url = url_of(event)
        return format_html('<a href="{}">{}</a>', url, event.subject) if url else event.subject or None

    @admin.display(description=_("API key"), empty_value="–")
    def key(self, event: AuditEvent) -> str | None:
        return None if event.api_key is None else link(event.api_key, event.api_key)

    @admin.display(description=_("detail"))
    def exact_detail(self, event: AuditEvent) -> str:
        pretty = json.dumps(event.facts, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html("<pre>{}</pre>", pretty) if event.facts else "–"


def url_of(event: AuditEvent) -> str:
    """Where the subject is looked at in the admin; "" where it has no page of its own."""
    kind, number = event.subject_kind, event.subject_id
    if not number.isdecimal():
        return ""
    if kind == SubjectKind.RUN:
        return reverse("admin:usage_reconciliationrun_change", args=[number])
    if kind == SubjectKind.ENTRY:
        # the subject is the number in its chain, not the table's key
        query = {"account": event.account_id, "q": f"#{number}"}
        return reverse("admin:usage_ledgerentry_changelist", query=query)
    page = PAGES.get(SubjectKind(kind)) if kind else None
    return reverse(f"admin:{page}_change", args=[number]) if page else ""


def as_csv(events: QuerySet[AuditEvent]) -> Iterator[str]:
    """Lines of CSV with a header, in UTC; text that a spreadsheet would calculate is given an apostrophe."""
    writer = csv.writer(Echo(), lineterminator="\r\n")
    # by which Excel knows that it is UTF-8
    yield "\ufeff" + writer.writerow(COLUMNS)
    for row in events.values_list(*COLUMNS).iterator(chunk_size=500):
        at, *others = row
        yield writer.writerow([at.isoformat(), *(cell("" if one is None else one) for one in others)])
