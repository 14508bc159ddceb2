"""The pages of API keys: made, listed, changed, rotated and revoked by the person whose they are."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import api_keys, registration
from accounts.api_keys import AlreadyMade, Created, KeyEnded
from accounts.key_forms import KeyForm, RotateForm
from accounts.keys import services
from accounts.keys.rows import rows_of
from accounts.models import ApiKey
from accounts.models.api_key import Scope
from accounts.web import SignedInRequest

Choices = list[tuple[int, str]]
VARIABLE = "GATEWAY_KEY"
"""What the example calls the secret in a shell."""


@require_safe
def keys(request: SignedInRequest) -> HttpResponse:
    """Every key of this person, newest first; those that were revoked at the end."""
    found = api_keys.keys_of(request.user)
    names = _names(request) if any(key.default_service_id for key in found) else {}
    rows = rows_of(found, timezone.now(), names)
    context = {
        "rows": [row for row in rows if row.state != "revoked"],
        "revoked": [row for row in rows if row.state == "revoked"],
    }
    return TemplateResponse(request, "accounts/keys.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest) -> HttpResponse:
    """Make a key. The answer itself shows the secret: it is kept nowhere, so no other page could."""
    choices = _choices(request)
    if request.method != "POST":
        return _form_page(request, KeyForm(services=choices))
    form = KeyForm(request.POST, services=choices)
    if not form.is_valid():
        return _form_page(request, form, status=422)
    try:
        created = api_keys.create_key(request.user, form.settings, form_token=form.cleaned_data["form_token"])
    except ValidationError as error:
        form.add_error(None, error)
        return _form_page(request, form, status=422)
    except AlreadyMade as made:
        messages.warning(
            request,
            _(
                "This key was made already, and its secret was shown then. If you did not keep it, "
                "give the key a new one."
            ),
        )
        return redirect("accounts:key", made.key.pk)
    return _secret_page(request, created, choices)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key(request: SignedInRequest, number: int) -> HttpResponse:
    """One key, and what was chosen for it, which can be changed."""
    found = api_keys.own_key(request.user, number)
    if request.method != "POST":
        return _page(request, found)
    form = KeyForm(request.POST, key=found, services=_choices(request))
    if found.revoked_at:
        return _page(request, found, status=409, error=KeyEnded().sentence)
    if not form.is_valid():
        return _page(request, found, status=422, form=form)
    try:
        api_keys.update_key(found, form.settings)
    except ValidationError as error:
        form.add_error(None, error)
        return _page(request, found, status=422, form=form)
    except KeyEnded as ended:
        return _page(request, found, status=409, error=ended.sentence)
    messages.success(request, _("%(label)s is saved.") % {"label": found.label})
    return redirect("accounts:key", number)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: SignedInRequest, number: int) -> HttpResponse:
    """Give the key a new secret, which the answer shows; those before it work on for a while."""
    found = api_keys.own_key(request.user, number)
    if request.method != "POST":
        return redirect("accounts:key", number)
    form = RotateForm(request.POST)
    if found.revoked_at:
        return _page(request, found, status=409, error=KeyEnded().sentence)
    if not form.is_valid():
        return _page(request, found, status=422, rotate_form=form)
    try:
        created = api_keys.rotate(found, overlap=form.chosen, form_token=form.cleaned_data["form_token"])
    except AlreadyMade as made:
        messages.warning(
            request,
            _(
                "This secret was made already, and it was shown then. If you did not keep it, "
                "give the key another one."
            ),
        )
        return redirect("accounts:key", made.key.pk)
    except KeyEnded as ended:
        return _page(request, found, status=409, error=ended.sentence)
    return _secret_page(request, created, _choices(request), overlap=form.chosen)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: SignedInRequest, number: int) -> HttpResponse:
    """End the key with all of its secrets, for good. Once more changes nothing."""
    found = api_keys.own_key(request.user, number)
    if request.method != "POST":
        return redirect("accounts:key", number)
    api_keys.revoke(found)
    messages.success(
        request,
        _("%(label)s is revoked: its secrets do not work any more.") % {"label": found.label},
    )
    return redirect("accounts:keys")


def _form_page(request: SignedInRequest, form: KeyForm, *, status: int = 200) -> HttpResponse:
    return TemplateResponse(request, "accounts/key_new.html", {"form": form}, status=status)


def _page(
    request: SignedInRequest,
    found: ApiKey,
    *,
    status: int = 200,
    form: KeyForm | None = None,
    rotate_form: RotateForm | None = None,
    error: str = "",
) -> HttpResponse:
    if status == 409:
        # revoked meanwhile, elsewhere
        found = api_keys.own_key(request.user, found.pk)
    choices = _choices(request)
    (row,) = rows_of([found], timezone.now(), dict(choices))
    context: dict[str, Any] = {"row": row, "key": found, "error": error}
    if row.state != "revoked":
        context |= {
            "form": form or KeyForm(key=found, services=choices),
            "rotate_form": rotate_form or RotateForm(),
        }
    return TemplateResponse(request, "accounts/key.html", context, status=status)


def _secret_page(
    request: SignedInRequest, created: Created, choices: Choices, *, overlap: timedelta | None = None
) -> HttpResponse:
    """The one page with the secret: not in a cache, a session or a log, and gone when it is left."""
    context = {
        "key": created.key,
        "prefix": created.prefix,
        "secret": created.secret_text,
        "variable": VARIABLE,
        "export": f"export {VARIABLE}={created.secret_text}",
        "curl": _example(request, created, choices),
        "rotated": overlap is not None,
        "overlap": bool(overlap),
    }
    return TemplateResponse(request, "accounts/key_secret.html", context)


def _example(request: SignedInRequest, created: Created, choices: Choices) -> str:
    """A command that works as it stands, for what this key may do; "" where it may do neither."""
    address, lines = "", [f"-H 'Authorization: Bearer {created.secret_text}'"]
    if Scope.RECORD.value in created.key.scopes:
        entry: dict[str, Any] = {"prompt_tokens": 1200, "completion_tokens": 300, "direction": "consume"}
        if created.key.default_service_id is None:
            entry = {"service_id": choices[0][0] if choices else 1, **entry}
        address = reverse("api:record")
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(entry)}'"]
    elif Scope.READ.value in created.key.scopes:
        address = reverse("api:budget")
    else:
        return ""
    return " \\\n  ".join([f"curl {request.build_absolute_uri(address)}", *lines])


def _choices(request: SignedInRequest) -> Choices:
    account = registration.account_of_request(request)
    assert account is not None  # noqa: S101 - LoginRequiredMiddleware
    return services.choices_for(account)


def _names(request: SignedInRequest) -> dict[int, str]:
    return dict(_choices(request))
