from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from accounts import registration
from accounts.exchanges import status_of
from accounts.failures import explain
from accounts.web import SignedInRequest, local_path
from catalog import mirror
from catalog.freshness import freshness_of
from exchange import ExchangeError

DEADLINE = 15.0
"""Seconds in all that the Exchange may take. The page is there already, and nobody waits for this."""


@never_cache
@require_POST
def refresh(request: SignedInRequest) -> HttpResponse:
    """Fetch the catalogue: how it went as a partial for HTMX, back to the page for a form without it.

    With ``due=1`` only if nobody else has fetched it since the page was made.
    """
    account = registration.account_of(request.user)
    before = freshness_of(account.exchange)
    failure, busy = "", False
    done: mirror.Refreshed | None = None
    if before.due or request.POST.get("due") != "1":
        try:
            done = mirror.refresh(deadline=DEADLINE)
        except ExchangeError as error:
            failure = explain(error)
        except mirror.BusyError as error:
            failure, busy = str(error), True
        except mirror.CatalogueError as error:
            failure = str(error)
    if not request.htmx:
        if failure:
            messages.error(request, failure)
        else:
            messages.success(request, _("The catalogue is up to date."))
        return redirect(local_path(request.POST.get("next", "")) or "catalog:services")
    # read again: asking has told how the Exchange does
    account = registration.account_of(request.user)
    fresh = freshness_of(account.exchange)
    context = {
        "fresh": fresh,
        "failure": failure,
        "busy": busy,
        "done": not failure,
        "new_count": done.added + done.changed + done.delisted if done and before.as_of else 0,
        "here": local_path(request.htmx.current_url_abs_path or ""),
        "account": account,
        "exchange_status": status_of(account.exchange),
    }
    response = TemplateResponse(request, "catalog/_refreshed.html", context)
    # only a list that had nothing to show loads itself: rows do not move under a person's finger
    if request.POST.get("empty") == "1" and not busy:
        trigger_client_event(response, "catalogue-fetched", after="settle")
    return response
