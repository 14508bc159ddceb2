from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import registration
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest
from catalog.views.lists import wants_part
from usage import delivery as deliveries
from usage import ledger
from usage.delivering.settling import may_have_been_counted
from usage.entry_forms import ReverseForm, SettleForm
from usage.models import Chain, Delivery, LedgerEntry

State = Delivery.State
WATCHED = (State.PENDING, State.SENDING)
SOON, LATER = 3, 20
"""Seconds between two looks at a delivery that moves, and at one whose next attempt is a while away."""


@vary_on_headers("HX-Request")
@never_cache
@require_safe
def entry(request: SignedInRequest, seq: int) -> HttpResponse:
    """One entry with everything that is known of it. HTMX asks for its delivery while that moves."""
    account, found = _entry_of(request, seq)
    if wants_part(request):
        if request.GET.get("seen") == _stamp(found.delivery):
            return HttpResponse(status=204)
        return TemplateResponse(request, "usage/_entry_delivery.html", _delivery(account, found))
    return _page(request, account, found)


@require_http_methods(["GET", "HEAD", "POST"])
def reverse(request: SignedInRequest, seq: int) -> HttpResponse:
    """Take an entry back, with a reason. Refused where it stands otherwise than the person saw it stand."""
    account, found = _entry_of(request, seq)
    if request.method != "POST":
        return redirect("usage:entry", seq)
    form = ReverseForm(request.POST)
    if not form.is_valid():
        return _page(request, account, found, reverse_form=form, status=422)
    if form.cleaned_data["seen"] != found.delivery.state:
        form.add_error(
            None, _("Meanwhile the delivery has moved on. Read what will happen now, then decide.")
        )
        return _page(request, account, found, reverse_form=form, status=409)
    try:
        reversal = ledger.reverse(account, seq, reason=form.cleaned_data["reason"], source="page")
    except ledger.EntryInvalid as refused:
        form.add_error("reason", refused.sentence)
        return _page(request, account, found, reverse_form=form, status=422)
    except ledger.NotReversible as refused:
        form.add_error(None, refused.sentence)
        return _page(request, account, found, reverse_form=form, status=409)
    said = _("Reversed: entry %(seq)s is taken back by entry %(reversal)s.")
    messages.success(request, said % {"seq": seq, "reversal": reversal.seq})
    return redirect("usage:entry", seq)


@require_http_methods(["GET", "HEAD", "POST"])
def settle(request: SignedInRequest, seq: int) -> HttpResponse:
    """A person says whether the Exchange has counted an entry of which nobody knows it."""
    account, found = _entry_of(request, seq)
    if request.method != "POST":
        return redirect("usage:entry", seq)
    form = SettleForm(request.POST)
    if not form.is_valid():
        return _page(request, account, found, settle_form=form, status=422)
    counted = form.cleaned_data["counted"] == "yes"
    try:
        deliveries.settle_by_person(account, seq, counted=counted)
    except deliveries.NotUncertain as refused:
        form.add_error(None, refused.sentence)
        return _page(request, account, found, settle_form=form, status=409)
    if counted:
        messages.success(request, _("Settled: the Exchange has counted this entry. It is not sent again."))
    else:
        messages.success(request, _("Settled: the Exchange has not counted this entry. It is sent again."))
    return redirect("usage:entry", seq)


def _entry_of(request: SignedInRequest, seq: int) -> tuple[ExchangeAccount, LedgerEntry]:
    """This person's account, and the entry of its own chain. 404 for anybody else's."""
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    rows = LedgerEntry.objects.select_related("delivery", "api_key", "over_budget")
    return account, get_object_or_404(rows, account=account, seq=seq)


def _page(
    request: SignedInRequest,
    account: ExchangeAccount,
    found: LedgerEntry,
    *,
    reverse_form: ReverseForm | None = None,
    settle_form: SettleForm | None = None,
    status: int = 200,
) -> HttpResponse:
    if status == 409:
        found.delivery.refresh_from_db()
    chain = Chain.objects.get(account=account)
    context = _delivery(account, found) | {
        "next": found.seq + 1 if found.seq < chain.seq else None,
        "previous": found.seq - 1 if found.seq > 1 else None,
        "attributes": json.loads(found.attributes),
        "over_budget": getattr(found, "over_budget", None),
    }
    # the form shows the state as it is now: what was typed stays, the confirmation does not
    if reverse_form is not None:
        context["reverse_form"] = reverse_form
    if settle_form is not None:
        context["settle_form"] = settle_form
    return TemplateResponse(request, "usage/entry.html", context, status=status)


def _delivery(account: ExchangeAccount, found: LedgerEntry) -> dict[str, Any]:
    """How the entry stands at the Exchange, and what can be done about it."""
    delivery = found.delivery
    reversal = LedgerEntry.objects.filter(account=account, reverses_seq=found.seq).first()
    labels = dict(State.choices)
    attempts = [
        {
            "row": row,
            "outcome": labels.get(row.outcome, row.outcome),
            "state": row.outcome,
            # what stands above them already is not said again
            "error": "" if row.error == delivery.error else row.error,
        }
        for row in delivery.attempt_log.order_by("-number")[:50]
    ]
    wait = (delivery.next_attempt_at or timezone.now()) - timezone.now()
    return {
        "entry": found,
        "delivery": delivery,
        "attempts": attempts,
        "reversal": reversal,
        "receipt": json.dumps(delivery.receipt, indent=2, ensure_ascii=False) if delivery.receipt else "",
        "may_reverse": reversal is None and not found.is_reversal and not _is_open(delivery),
        "reverse_form": ReverseForm(initial={"seen": delivery.state}),
        "settle_form": SettleForm(),
        "stamp": _stamp(delivery),
        "look_again": (SOON if wait.total_seconds() < LATER else LATER)
        if delivery.state in WATCHED
        else None,
    }


def _is_open(delivery: Delivery) -> bool:
    """Whether it may have been counted, and nobody knows: then the ledger takes nothing back."""
    if delivery.state in (State.SENDING, State.UNCERTAIN):
        return True
    return delivery.attempts > 0 and may_have_been_counted(delivery)


def _stamp(delivery: Delivery) -> str:
    """Another one whenever what is shown of the delivery would be another."""
    next_at = delivery.next_attempt_at.timestamp() if delivery.next_attempt_at else 0
    return f"{delivery.state}-{delivery.attempts}-{next_at:.0f}"
