from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import registration
from accounts.web import SignedInRequest
from usage.evidence import days, keeping
from usage.evidence.forms import EvidenceForm
from usage.models import EvidenceExport

PATIENCE = 6.0
"""Seconds that somebody waits for the Exchange's statement; the pack is made without it then."""
FRESH = "evidence_made"
"""Under which the session names the pack that has just been made: its download begins by itself, once."""


@require_http_methods(["GET", "HEAD", "POST"])
def evidence(request: SignedInRequest) -> HttpResponse:
    """The packs that were made; by POST, make one and lead to it."""
    if request.method != "POST":
        return _page(request, EvidenceForm())
    form = EvidenceForm(request.POST)
    if not form.is_valid():
        return _page(request, form, error=_("No pack was made: check what is marked below."))
    account = registration.account_of(request.user)
    try:
        made = keeping.make(
            account,
            since=days.begin(form.cleaned_data["since"]),
            until=days.end(form.cleaned_data["until"]),
            deadline=PATIENCE,
        )
    except keeping.TooManyEntriesError:
        return _page(request, form, error=_too_many())
    request.session[FRESH] = str(made.pk)
    return redirect("usage:evidence-pack", made.pk)


@require_safe
def pack(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """One pack: its digest, how to check it, and the file while that is kept."""
    row = _own(request, pk)
    is_kept = keeping.is_kept(row)
    is_fresh = request.session.get(FRESH) == str(pk)
    context = {
        "is_fresh": is_fresh and is_kept,
        "pack": row,
        "name": keeping.name_of(row),
        "is_kept": is_kept,
        "kept_until": row.created_at + keeping.KEPT,
        "last_day": days.last_of(row.until),
    }
    response = TemplateResponse(request, "usage/evidence_pack.html", context)
    if is_fresh:
        del request.session[FRESH]
        if is_kept:
            # the page stays, and the browser fetches the file: one click for both
            response["Refresh"] = f"1; url={reverse('usage:evidence-download', args=[pk])}"
    return response


@require_safe
def download(request: SignedInRequest, pk: UUID) -> HttpResponseBase:
    """The pack itself, for who made it."""
    row = _own(request, pk)
    if not keeping.is_kept(row):
        messages.warning(request, _("This pack is not kept any more. Make a new one: it takes a moment."))
        return redirect("usage:evidence-pack", pk)
    response = StreamingHttpResponse(keeping.content_of(row), content_type="application/zip")
    response["Content-Length"] = row.size
    response["Content-Disposition"] = f'attachment; filename="{keeping.name_of(row)}"'
    response["X-Evidence-Digest"] = row.digest
    # it is compressed: once more would cost time, and the browser its progress
    response["Content-Encoding"] = "identity"
    return response


def _own(request: SignedInRequest, pk: UUID) -> EvidenceExport:
    account = registration.account_of_request(request)
    return get_object_or_404(keeping.packs(), pk=pk, account=account)


def _page(request: SignedInRequest, form: EvidenceForm, error: str = "") -> HttpResponse:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    packs = [
        {"pack": row, "is_kept": keeping.is_kept(row), "last_day": days.last_of(row.until)}
        for row in keeping.latest(account)
    ]
    context: dict[str, Any] = {"form": form, "packs": packs, "error": error}
    return TemplateResponse(request, "usage/evidence.html", context, status=422 if error else 200)


def _too_many() -> str:
    return _(
        "Your book has more than %(most)s entries, which is more than a page can wait for. "
        "Make the pack with the command: python manage.py export_evidence --output pack.zip"
    ) % {"most": f"{keeping.MOST_ON_PAGE:,}"}
