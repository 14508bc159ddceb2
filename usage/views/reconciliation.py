from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import registration
from accounts.exchanges import status_of
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest, form_target
from usage import reconciliation
from usage.models import ReconciliationLine, ReconciliationRun
from usage.reconciling.forms import NoteForm
from usage.reconciling.page import History, history_of, result_in, view_of

DEADLINE = 10.0
"""Seconds that a person waits for a comparison; a statement that takes longer is for the hourly one."""
KINDS = ReconciliationLine.Kind.values
Status = ReconciliationRun.Status


@require_safe
@vary_on_headers("HX-Request")
def page(request: SignedInRequest) -> HttpResponse:
    """The newest result, and the history of runs; older ones as a partial for HTMX."""
    account = _account_of(request)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    history = history_of(account, before)
    if request.htmx and not request.htmx.history_restore_request:
        return TemplateResponse(request, "usage/_reconciliation_history.html", {"history": history})
    newest = history if before is None else history_of(account)
    return _page(request, account, newest, history=history)


@require_safe
def run(request: SignedInRequest, pk: int) -> HttpResponse:
    """One run as it came out; ``?kind=`` shows all that was kept of one kind of line."""
    account = _account_of(request)
    return _run_page(request, _run_of(account, pk))


@never_cache
@form_target("usage:reconciliation")
def reconcile(request: SignedInRequest) -> HttpResponse:
    """Reconcile now: the result as a partial for HTMX, back to the page for a form without it."""
    account = registration.account_of(request.user)
    done = reconciliation.reconcile(account, deadline=DEADLINE)
    if request.htmx:
        # read again: asking may have registered the account, and has told how the Exchange does
        account = registration.account_of(request.user)
        history = history_of(account)
        context = {**_context(account, history), "history": history, "done": done, "account": account}
        context["exchange_status"] = status_of(account.exchange)
        return TemplateResponse(request, "usage/_reconciliation.html", context)
    if done.status == Status.CLEAN:
        messages.success(request, _("The books agree."))
    elif done.status == Status.DIFFERENT:
        messages.warning(request, _("The books differ."))
    else:
        messages.error(request, done.reason)
    return redirect("usage:reconciliation")


@form_target("usage:reconciliation")
def acknowledge(request: SignedInRequest, pk: int) -> HttpResponse:
    """Somebody knows of the difference that a run found, and says what it is."""
    account = _account_of(request)
    found = _run_of(account, pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _run_page(request, found, form=form, status=422)
    try:
        reconciliation.acknowledge(found, user=request.user, note=form.cleaned_data["note"])
    except reconciliation.NothingToAcknowledge:
        messages.error(
            request, _("This reconciliation found no difference, so there is nothing to acknowledge.")
        )
    else:
        messages.success(
            request, _("Acknowledged. The banner comes back when the difference is another one.")
        )
    return redirect("usage:reconciliation")


def _account_of(request: SignedInRequest) -> ExchangeAccount:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    return account


def _run_of(account: ExchangeAccount, pk: int) -> ReconciliationRun:
    runs = ReconciliationRun.objects.select_related("acknowledged_by")
    return get_object_or_404(runs, account=account, pk=pk)


def _context(account: ExchangeAccount, newest: History) -> dict[str, Any]:
    result = result_in(account, newest.runs)
    last = newest.runs[0] if newest.runs else None
    return {
        "view": view_of(result) if result else None,
        "away": last if last and last.status == Status.UNAVAILABLE else None,
        "form": NoteForm(),
        "shows_difference": True,
    }


def _page(
    request: SignedInRequest, account: ExchangeAccount, newest: History, *, history: History
) -> HttpResponse:
    context = {**_context(account, newest), "history": history}
    return TemplateResponse(request, "usage/reconciliation.html", context)


def _run_page(
    request: SignedInRequest, found: ReconciliationRun, *, form: NoteForm | None = None, status: int = 200
) -> HttpResponse:
    asked = request.GET.get("kind", "")
    kind = asked if asked in KINDS else ""
    context = {
        "view": view_of(found, kind=kind),
        "form": form or NoteForm(),
        "kind": kind,
        "shows_difference": True,
    }
    return TemplateResponse(request, "usage/reconciliation_run.html", context, status=status)
