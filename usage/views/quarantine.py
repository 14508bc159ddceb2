from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts import registration
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest, form_target
from catalog.choices import service_choices
from usage.litellm import quarantine
from usage.litellm.forms import ChosenForm, ServiceForm
from usage.litellm.rows import again
from usage.litellm.words import detail_of, facts_of, words_of
from usage.models import QuarantinedRow
from usage.models.quarantine import Reason

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows of which a page or a form speaks: all of a group, or ``row`` alone."""

    rows: quarantine.Rows
    row: QuarantinedRow | None = None


@require_safe
def page(request: SignedInRequest) -> HttpResponse:
    """What waits, by reason and model, and what was settled lately; or one group with its rows."""
    account = _account_of(request)
    if "reason" in request.GET:
        return _chosen_page(request, account, _chosen(account, request.GET.dict()))
    context = {
        "groups": quarantine.groups_of(quarantine.waiting_of(account)),
        "settled": quarantine.settled_of(account),
    }
    return TemplateResponse(request, "usage/quarantine.html", context)


@require_safe
def row(request: SignedInRequest, pk: int) -> HttpResponse:
    """One row with all that is kept of it."""
    account = _account_of(request)
    return _chosen_page(request, account, _chosen(account, {"row": pk}))


@form_target("usage:quarantine")
def record(request: SignedInRequest) -> HttpResponse:
    """Record a group or a row as usage of the service that the person names."""
    account = _account_of(request)
    chosen = _chosen(account, request.POST.dict())
    form = ServiceForm(request.POST, services=service_choices(account.exchange))
    if not form.is_valid():
        return _chosen_page(request, account, chosen, form=form, status=422)
    done = quarantine.replay(account, chosen.rows, form.cleaned_data["service_id"])
    _say(request, done)
    return redirect("usage:quarantine")


@form_target("usage:quarantine")
def discard(request: SignedInRequest) -> HttpResponse:
    """Never count a group or a row."""
    account = _account_of(request)
    done = quarantine.discard(account, _chosen(account, request.POST.dict()).rows)
    said = ngettext("Discarded: %(rows)s row.", "Discarded: %(rows)s rows.", done)
    messages.success(request, said % {"rows": f"{done:,}"})
    return redirect("usage:quarantine")


def _account_of(request: SignedInRequest) -> ExchangeAccount:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    return account


def _chosen(account: ExchangeAccount, told: dict[str, Any]) -> Chosen:
    """The rows that a form names, of this account alone. 404 for what names none, and for anybody else's."""
    form = ChosenForm(told)
    if not form.is_valid():
        raise Http404
    waiting, names = quarantine.waiting_of(account), form.cleaned_data
    if names["row"]:
        found = get_object_or_404(
            QuarantinedRow.objects.select_related("entry", "api_key"), account=account, pk=names["row"]
        )
        return Chosen(waiting.filter(pk=found.pk), found)
    if not names["reason"]:
        raise Http404
    rows = waiting.filter(reason=names["reason"], model=names["model"])
    return Chosen(rows.filter(pk__lte=names["up_to"]) if names["up_to"] else rows)


def _chosen_page(
    request: SignedInRequest,
    account: ExchangeAccount,
    chosen: Chosen,
    *,
    form: ServiceForm | None = None,
    status: int = 200,
) -> HttpResponse:
    groups = quarantine.groups_of(chosen.rows)
    group = groups[0] if groups else None
    reason = group.reason if group else Reason(chosen.row.reason) if chosen.row else None
    context: dict[str, Any] = {
        "group": group,
        "row": chosen.row,
        "reason": reason,
        "words": words_of(reason) if reason else None,
        "can_record": group is not None and group.reason in quarantine.RECORDABLE,
    }
    if context["can_record"]:
        context["form"] = form or ServiceForm(services=service_choices(account.exchange))
    if chosen.row:
        told = again(chosen.row.kept)
        context |= {"facts": facts_of(told), "detail": detail_of(chosen.row), "happened_at": told.at}
    else:
        shown = chosen.rows.select_related("api_key")[:MOST_SHOWN]
        context["rows"] = [(one, detail_of(one)) for one in shown]
    name = "quarantine_row" if chosen.row else "quarantine_group"
    return TemplateResponse(request, f"usage/{name}.html", context, status=status)


def _say(request: SignedInRequest, done: quarantine.Replayed) -> None:
    if done.recorded:
        said = ngettext(
            "Recorded: %(rows)s row, %(tokens)s tokens.",
            "Recorded: %(rows)s rows, %(tokens)s tokens.",
            done.recorded,
        )
        messages.success(request, said % {"rows": f"{done.recorded:,}", "tokens": f"{done.tokens:,}"})
    if done.there:
        said = ngettext(
            "%(rows)s row was in your book before. Nothing was recorded twice.",
            "%(rows)s rows were in your book before. Nothing was recorded twice.",
            done.there,
        )
        messages.info(request, said % {"rows": f"{done.there:,}"})
    if done.waiting:
        said = ngettext(
            "%(rows)s row could not be recorded, and waits.",
            "%(rows)s rows could not be recorded, and wait.",
            done.waiting,
        )
        messages.warning(request, said % {"rows": f"{done.waiting:,}"})
    if not (done.recorded or done.there or done.waiting):
        messages.info(request, _("Nothing of this waited any more. Nothing was recorded."))
