from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh, push_url

from accounts import audit, registration
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest, asked_by_the_page
from catalog.views.lists import takes_off_a_filter, wants_part
from usage.budgets import counting
from usage.litellm import quarantine
from usage.logs import export as log_export
from usage.logs import tail as log_tail
from usage.logs.filters import LogFilters
from usage.logs.options import options_of
from usage.logs.pages import page
from usage.logs.picked import RARE, picked
from usage.models import LedgerEntry

SEQ_DIGITS = 18


@vary_on_headers("HX-Request")
@require_safe
def logs(request: SignedInRequest) -> HttpResponse:
    """Every entry, newest first, narrowed as the address says. The Exchange is not asked."""
    account = _account(request)
    filters = LogFilters(request.GET.dict())
    older_than, newer_than = request.GET.get("older_than", ""), request.GET.get("newer_than", "")
    newest = log_tail.newest(account)
    found = page(account, filters, older_than=older_than, newer_than=newer_than)
    part = wants_part(request)
    context = _rows(account, found.entries) | {
        "page": found,
        "form": filters.form,
        "chosen": filters.chosen,
        "query": urlencode(filters.in_address),
        "live": part,
        "any": newest > 0,
        "refill": takes_off_a_filter(request),
    }
    options = None if part and not context["refill"] else options_of(account, filters.chosen)
    context |= {
        "options": options,
        "set": picked(account, filters, options),
        "unfolded": bool(filters.form.errors) or any(name in filters.chosen for name in RARE),
    }
    if not found.newer_than and not (filters.until and filters.until < timezone.now()):
        context |= {"tail": {"after": newest, "empty": not found.entries}}
    if part:
        response = TemplateResponse(request, "usage/_logs.html", context)
        place = {"older_than": older_than, "newer_than": newer_than}
        shown = {**filters.in_address, **{name: value for name, value in place.items() if value}}
        return push_url(response, f"{request.path}?{urlencode(shown)}" if shown else request.path)
    context["quarantined"] = quarantine.count_of(account)
    return TemplateResponse(request, "usage/logs.html", context)


@vary_on_headers("HX-Request")
@require_safe
@asked_by_the_page
def tail(request: SignedInRequest) -> HttpResponse:
    """What came since, and what was delivered since; nothing (204) where nothing did. Or pause, or go on."""
    account = _account(request)
    filters = LogFilters(request.GET.dict())
    if not wants_part(request):
        return redirect(f"{reverse('usage:logs')}?{urlencode(filters.in_address)}")
    after = _number(request.GET.get("after", ""))
    paused, empty = "paused" in request.GET, "empty" in request.GET
    asked = {"query": urlencode(filters.in_address)}
    if paused:
        context: dict[str, Any] = {**asked, "tail": {"after": after, "paused": True, "empty": empty}}
        return TemplateResponse(request, "usage/_logs_tail.html", context)
    came = log_tail.since(account, filters, after)
    settled = log_tail.settled(account, [_number(text) for text in request.GET.getlist("open")])
    if came.after == after and not settled and "resume" not in request.GET:
        return HttpResponse(status=204)
    if came.entries and empty:
        return HttpResponseClientRefresh()
    context = _rows(account, came.entries) | {
        **asked,
        "tail": {
            "after": came.after,
            "empty": empty,
            "left_out": came.left_out,
            "came": len(came.entries),
        },
        "live": True,
        "settled": settled,
    }
    return TemplateResponse(request, "usage/_logs_tail.html", context)


@require_safe
def export(request: SignedInRequest) -> HttpResponseBase:
    """Exactly the filtered entries as a file, sent while they are read. 422 for what is not understood."""
    account = _account(request)
    kind = request.GET.get("format", "csv")
    filters = LogFilters(request.GET.dict())
    chosen = filters.chosen
    refused = filters.form.errors.items()
    errors = [f"{filters.form[name].label}: {text}" for name, texts in refused for text in texts]
    if kind not in log_export.WRITERS:
        errors.append(_("There is no such format. Ask for csv or jsonl."))
    if errors:
        # a file with more in it than was asked for would be taken for what it is not
        return HttpResponse("\n".join(errors), status=422, content_type="text/plain; charset=utf-8")
    name = f"ledger-{timezone.now():%Y-%m-%d}{'-filtered' if chosen else ''}.{kind}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Type": log_export.CONTENT_TYPES[kind],
    }
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    # the filters' names alone: what was searched for may be somebody's words
    audit.note("logs.exported", account=account, detail={"format": kind, "filtered_by": sorted(chosen)})
    found = log_export.rows(account, filters)
    return StreamingHttpResponse(log_export.WRITERS[kind](found), headers=headers)


def _rows(account: ExchangeAccount, entries: list[LedgerEntry]) -> dict[str, Any]:
    """The entries, which of them have been reversed, by what, and which went beyond their key's budget."""
    numbers = [entry.seq for entry in entries]
    pairs = LedgerEntry.objects.filter(account=account, reverses_seq__in=numbers) if numbers else []
    of_keys = [entry.pk for entry in entries if entry.api_key_id is not None]
    return {
        "entries": entries,
        "reversed_by": {one.reverses_seq: one.seq for one in pairs},
        "over_budget": counting.marked(of_keys),
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= SEQ_DIGITS else 0


def _account(request: SignedInRequest) -> ExchangeAccount:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    return account
