"""Becoming a provider on the publish page: who wants to publish need not go elsewhere first."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts import registration
from accounts.failures import Failure, failure_of
from accounts.forms import ProviderForm
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest
from catalog.forms import PublishForm
from exchange import ExchangeError

STEP = "enrol"
LONGEST_CARRIED = 400
"""Characters of a field that go along in an address: more than any of them may have."""


def enrol(request: SignedInRequest, account: ExchangeAccount) -> HttpResponse:
    """Offer the provider role, or add it; then on to the publish form with what was typed there before."""
    if request.POST.get("step") != STEP:
        form = ProviderForm(initial={"display_name": request.user.display_name})
        return _page(request, form, Failure(403, "") if request.method == "POST" else None)
    if account.is_provider:  # pressed twice, or done in another tab
        return _on_to_the_form(request)
    form = ProviderForm(request.POST)
    if not form.is_valid():
        return _page(request, form, Failure(422, ""))
    try:
        account = registration.ensure_registered(
            request.user, provider=True, deadline=registration.PAGE_DEADLINE, **form.cleaned_data
        )
    except ExchangeError as error:
        return _page(request, form, failure_of(error))
    messages.success(request, _("You are a provider now: %(name)s.") % {"name": account.provider_name})
    return _on_to_the_form(request)


def typed(values: Mapping[str, str]) -> dict[str, str]:
    """What was typed into the publish form, of these values; the form's own token is no such thing."""
    names = PublishForm.base_fields.keys() - {"token"}
    return {name: values[name][:LONGEST_CARRIED] for name in sorted(names) if name in values}


def _on_to_the_form(request: SignedInRequest) -> HttpResponse:
    carried = QueryDict(mutable=True)
    carried.update(typed(request.POST))
    url = reverse("catalog:publish") + (f"?{carried.urlencode()}" if carried else "")
    # the whole page, because the navigation follows the role
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _page(request: SignedInRequest, form: ProviderForm, failure: Failure | None) -> HttpResponse:
    partial = request.htmx and not request.htmx.history_restore_request
    context = {
        "enrol_form": form,
        "carried": typed(request.POST if request.method == "POST" else request.GET),
        "error": failure.error if failure else "",
        "rules": failure.rules if failure else (),
    }
    return TemplateResponse(
        request,
        "catalog/_publish_enrol.html" if partial else "catalog/publish.html",
        context,
        status=failure.status if failure else 200,
    )
