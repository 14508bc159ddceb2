from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import registration
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest
from catalog import choices
from usage.forms import RecordForm
from usage.ledger import EntryConflict, EntryInvalid
from usage.models import Delivery, LedgerEntry
from usage.recording import Recorded, record_usage

REPORTING = 6.0
"""Seconds that the report may take after the entry is kept: a person sees at once what became of it."""
LATELY, LOOKED_AT = 5, 50
"""Services that are offered first, and the newest entries among which they are looked for."""
State = Delivery.State


@require_http_methods(["GET", "HEAD", "POST"])
def record(request: SignedInRequest) -> HttpResponse:
    """Record usage by hand: kept here whatever the Exchange does. What was refused here stays typed."""
    if request.method != "POST":
        chosen = request.GET.get("service", "")
        is_number = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
        return _page(request, initial={"service_id": int(chosen)} if is_number else {})
    form = RecordForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, data=request.POST)
    account = registration.account_of(request.user)
    try:
        recorded = record_usage(account, form.draft, source="page", deadline=REPORTING)
    except EntryInvalid as refused:
        return _page(request, status=422, data=request.POST, refused=refused)
    except EntryConflict as conflict:
        return _conflict_page(request, conflict)
    _say(request, recorded)
    return redirect("usage:entry", recorded.seq)


def _lately(account: ExchangeAccount) -> list[int]:
    """The numbers of the services that were recorded last, the newest first."""
    newest = LedgerEntry.objects.filter(account=account).order_by("-seq").values_list("service_id", flat=True)
    return list(dict.fromkeys(newest[:LOOKED_AT]))[:LATELY]


def _say(request: SignedInRequest, recorded: Recorded) -> None:
    """What became of it, in a sentence; the entry's page, which follows, has the rest."""
    tokens = {"tokens": f"{recorded.entry.total_tokens:,}"}
    if recorded.repeated:
        said = _("These %(tokens)s tokens were recorded before. Nothing was recorded twice.")
        messages.success(request, said % tokens)
    elif recorded.delivery == State.DELIVERED:
        messages.success(request, _("Recorded: %(tokens)s tokens. The Exchange has counted them.") % tokens)
    elif recorded.delivery == State.REJECTED:
        said = _(
            "Recorded in your book: %(tokens)s tokens. The Exchange refused to count them; see why below."
        )
        messages.warning(request, said % tokens)
    elif recorded.delivery == State.UNCERTAIN:
        said = _(
            "Recorded: %(tokens)s tokens. Whether the Exchange has counted them is not known; see below."
        )
        messages.warning(request, said % tokens)
    else:
        said = _(
            "Recorded: %(tokens)s tokens. They are reported to the Exchange as soon as it can be reached."
        )
        messages.success(request, said % tokens)


def _conflict_page(request: SignedInRequest, conflict: EntryConflict) -> HttpResponse:
    """The page's number was used for other figures: sent, gone back, changed, and sent again."""
    data = request.POST.copy()
    data["entry_id"] = str(uuid.uuid4())
    advice = _("Press Record again only if these figures are to be recorded as well.")
    return _page(
        request, status=409, data=data, error=f"{conflict.sentence} {advice}", recorded=conflict.entry
    )


def _page(
    request: SignedInRequest,
    *,
    status: int = 200,
    refused: EntryInvalid | None = None,
    error: str = "",
    recorded: Any = None,
    **form_data: Any,
) -> HttpResponse:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    services = choices.service_choices(account.exchange)
    form = RecordForm(
        services=services,
        recent=_lately(account) if services else (),
        may_supply=account.is_provider,
        **form_data,
    )
    if refused is not None:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
    context = {"form": form, "error": error, "recorded": recorded}
    return TemplateResponse(request, "usage/record.html", context, status=status)
