"""A person's own part of the audit trail."""

from __future__ import annotations

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import sessions
from accounts.auditing.activity import activity_of, cursor_in
from accounts.web import SignedInRequest


@vary_on_headers("HX-Request")
@require_safe
def activity(request: SignedInRequest) -> HttpResponse:
    """Everything that was done in this person's name, newest first, a page at a time."""
    before = cursor_in(request.GET.get("before", ""))
    context = {
        "activity": activity_of(request.user, before=before),
        "is_newest": before is None,
        "this_session": sessions.named_in(request),
    }
    if request.htmx and not request.htmx.history_restore_request:
        return TemplateResponse(request, "accounts/_activity.html", context)
    return TemplateResponse(request, "accounts/activity.html", context)
