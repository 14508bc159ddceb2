from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from accounts import registration
from accounts.failures import Failure, failure_of
from accounts.models import ExchangeAccount
from accounts.web import SignedInRequest
from catalog import publishing
from catalog.forms import OfferForm, PublishForm
from catalog.models import Service
from catalog.publish_once import Offer
from catalog.publishing import Published
from catalog.views import enrolling
from exchange import ExchangeError, GatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What tells publishing anew and updating apart. ``service`` is the own one that is updated."""

    template: str
    form_class: type[OfferForm]
    initial: dict[str, Any]
    action: str
    way_back: str
    done: Callable[[Published], str]
    service: Service | None = None


@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: SignedInRequest) -> HttpResponse:
    """Publish a service of one's own. What was typed stays, whatever the Exchange says."""
    account = registration.account_of(request.user)
    if not account.is_provider or request.POST.get("step") == enrolling.STEP:
        return enrolling.enrol(request, account)
    mine = f"{reverse('catalog:services')}?mine=1"
    page = _Page(
        template="catalog/publish.html",
        form_class=PublishForm,
        initial=_defaults() | enrolling.typed(request.GET),
        action=reverse("catalog:publish"),
        way_back=mine,
        done=lambda _published: mine,
    )
    return _answer(request, account, page)


@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, number: int) -> HttpResponse:
    """Update a service of one's own. Its name stays: the Exchange updates by name."""
    account = registration.account_of(request.user)
    service = _own_service(account, number)
    page = _Page(
        template="catalog/edit.html",
        form_class=OfferForm,
        initial={
            "model_family": service.model_family,
            "price_per_1k_tokens": format(service.price_per_1k_tokens, "f"),
            "trial_tokens": service.trial_tokens,
        },
        action=reverse("catalog:edit", args=[number]),
        way_back=reverse("catalog:service", args=[number]),
        done=lambda published: reverse("catalog:service", args=[published.service.id]),
        service=service,
    )
    return _answer(request, account, page)


def _own_service(account: ExchangeAccount, number: int) -> Service:
    """The account's own service of this number; 404 for anybody else's, as for one that does not exist."""
    if account.provider_id is None:
        raise Http404
    own = Service.objects.filter(exchange=account.exchange_id, provider__remote_id=account.provider_id)
    return get_object_or_404(own, remote_id=number)


def _defaults() -> dict[str, Any]:
    config = settings.TOKLIGENCE
    return {
        "name": config.publish_name,
        "model_family": config.model_family,
        # written out: a person does not read 5E-7
        "price_per_1k_tokens": format(config.price_per_1k, "f"),
        "trial_tokens": config.trial_tokens,
    }


def _answer(request: SignedInRequest, account: ExchangeAccount, page: _Page) -> HttpResponse:
    if request.method != "POST":
        return _message(request, page) or _show(request, page, page.form_class(initial=page.initial))
    form = page.form_class(request.POST)
    if not form.is_valid():
        return _show(request, page, form, Failure(422, ""))
    values = dict(form.cleaned_data)
    token = values.pop("token")
    if page.service:
        values["name"] = page.service.name
    try:
        published = publishing.publish(
            account, Offer(**values), token=token, deadline=publishing.PAGE_DEADLINE
        )
    except (ExchangeError, GatewayError) as error:
        return _show(request, page, form, failure_of(error))
    messages.success(request, _said(published))
    url = page.done(published)
    # a redirect that the browser follows by itself would put the page into a part of this one
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _said(published: Published) -> str:
    if published.found:
        words = _("%(name)s is on offer: the answer was lost, so the Exchange was asked, and has it.")
    else:
        words = _("%(name)s is on offer.")
    return words % {"name": published.service.name}


def _message(request: SignedInRequest, page: _Page) -> HttpResponse | None:
    """What is wrong with the one field that HTMX asks about as a person types; None where it does not ask."""
    asked = [name for name in page.form_class.base_fields if name in request.GET]
    if not request.htmx or request.htmx.history_restore_request or len(asked) != 1:
        return None
    field = page.form_class(request.GET)[asked[0]]
    # without the request: what the frame of a page needs is not looked up
    return HttpResponse(render_to_string("catalog/_live_message.html", {"field": field}))


def _show(
    request: SignedInRequest, page: _Page, form: OfferForm, failure: Failure | None = None
) -> HttpResponse:
    partial = request.htmx and not request.htmx.history_restore_request
    context: dict[str, Any] = {
        "form": form,
        "action": page.action,
        "way_back": page.way_back,
        "service": page.service,
        "error": failure.error if failure else "",
        "rules": failure.rules if failure else (),
    }
    template = "catalog/_publish_form.html" if partial else page.template
    return TemplateResponse(request, template, context, status=failure.status if failure else 200)
