from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
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
from catalog.pricing import Leap, leap, standing
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
    next_step: str
    """What a person can do, or rely on, once it is published."""
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
        next_step=_("Everybody at this Exchange can find it now. Record what you supply of it under Usage."),
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
        next_step=_("Buyers see it as it is now; what was used before keeps its price."),
        service=service,
    )
    return _answer(request, account, page)


def _own_service(account: ExchangeAccount, number: int) -> Service:
    """The account's own service of this number; 404 for anybody else's, as for one that does not exist."""
    return get_object_or_404(_own_services(account), remote_id=number)


def _own_services(account: ExchangeAccount) -> QuerySet[Service]:
    if account.provider_id is None:
        return Service.objects.none()
    return Service.objects.filter(exchange=account.exchange_id, provider__remote_id=account.provider_id)


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
        if _is_part(request) and "preview" in request.GET:
            return _preview(request, account, page)
        return _message(request, page) or _show(request, account, page, page.form_class(initial=page.initial))
    form = page.form_class(request.POST)
    if not form.is_valid():
        return _show(request, account, page, form, Failure(422, ""))
    leaping = _unconfirmed_leap(request, account, page, form)
    if leaping:
        return _show(request, account, page, form, Failure(422, ""), leaping)
    values = dict(form.cleaned_data)
    token = values.pop("token")
    if page.service:
        values["name"] = page.service.name
    try:
        published = publishing.publish(
            account, Offer(**values), token=token, deadline=publishing.PAGE_DEADLINE
        )
    except (ExchangeError, GatewayError) as error:
        return _show(request, account, page, form, failure_of(error))
    messages.success(request, f"{_said(published)} {page.next_step}")
    url = page.done(published)
    # a redirect that the browser follows by itself would put the page into a part of this one
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _said(published: Published) -> str:
    if published.found:
        words = _("%(name)s is on offer: the answer was lost, so the Exchange was asked, and has it.")
    else:
        words = _("%(name)s is on offer.")
    return words % {"name": published.service.name}


def _unconfirmed_leap(
    request: SignedInRequest, account: ExchangeAccount, page: _Page, form: OfferForm
) -> Leap | None:
    """The leap from the price that is on offer, unless the person said that this very price is meant."""
    before, price = page.service, form.cleaned_data["price_per_1k_tokens"]
    if before is None:
        own = _own_services(account).filter(delisted_at=None, name=form.cleaned_data["name"])
        before = own.first()
    found = leap(before.name, before.price_per_1k_tokens, price) if before else None
    return found if found and request.POST.get("sure") != found.confirmation else None


def _preview(request: SignedInRequest, account: ExchangeAccount, page: _Page) -> HttpResponse:
    """The offer as buyers would see it, with as much of it as is right, and how its price stands."""
    form = page.form_class(request.GET)
    form.is_valid()
    context = _seen(account, page, form.cleaned_data)
    family, price = form.cleaned_data.get("model_family"), form.cleaned_data.get("price_per_1k_tokens")
    if family and price is not None:
        context["standing"] = standing(account.exchange, family, price, besides=page.service)
    return HttpResponse(render_to_string("catalog/_preview.html", context))


def _seen(account: ExchangeAccount, page: _Page, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seller": account.provider_name,
        "service": page.service,
        "seen": {
            "name": page.service.name if page.service else values.get("name", ""),
            "model_family": values.get("model_family", ""),
            "price": values.get("price_per_1k_tokens"),
            "trial_tokens": values.get("trial_tokens"),
        },
    }


def _is_part(request: SignedInRequest) -> bool:
    return bool(request.htmx) and not request.htmx.history_restore_request


def _message(request: SignedInRequest, page: _Page) -> HttpResponse | None:
    """What is wrong with the one field that HTMX asks about as a person types; None where it does not ask."""
    asked = [name for name in page.form_class.base_fields if name in request.GET]
    if not _is_part(request) or len(asked) != 1:
        return None
    field = page.form_class(request.GET)[asked[0]]
    # without the request: what the frame of a page needs is not looked up
    return HttpResponse(render_to_string("catalog/_live_message.html", {"field": field}))


def _show(
    request: SignedInRequest,
    account: ExchangeAccount,
    page: _Page,
    form: OfferForm,
    failure: Failure | None = None,
    leaping: Leap | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "action": page.action,
        "way_back": page.way_back,
        "error": failure.error if failure else "",
        "rules": failure.rules if failure else (),
        "leap": leaping,
    }
    context |= _seen(account, page, form.cleaned_data if form.is_bound else _offered(form))
    template = "catalog/_publish_form.html" if _is_part(request) else page.template
    return TemplateResponse(request, template, context, status=failure.status if failure else 200)


def _offered(form: OfferForm) -> dict[str, Any]:
    """What a form that nobody has sent yet begins with, as far as it is right."""
    begun = type(form)(form.initial)
    begun.is_valid()
    return begun.cleaned_data
