"""Ada, who has one of everything, and Eve, who has a shorter book: whom every address is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from accounts.api_keys import create_key
from accounts.factories import make_account
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, ExchangeAccount, Session, User
from accounts.tests.api import ALL, person
from catalog.tests.mirrored import make_mirror, make_provider, make_service
from catalog.tests.wire import Wire
from gateway_site.tests.urls_there import Address, addresses
from usage import reconciliation
from usage.evidence import keeping
from usage.factories import make_entries
from usage.models import EvidenceExport, QuarantinedRow, ReconciliationRun
from usage.tests.litellm import make_row, taken

SERVICE = 4711

OBJECTS: dict[str, Callable[[ExchangeAccount], object]] = {
    "/accounts/keys/<int:number>/": lambda ada: key_of(ada).pk,
    "/accounts/keys/<int:number>/rotate/": lambda ada: key_of(ada).pk,
    "/accounts/keys/<int:number>/revoke/": lambda ada: key_of(ada).pk,
    "/accounts/settings/sessions/<uuid:public_id>/end/": lambda ada: (
        Session.objects.filter(user=ada.user, public_id__isnull=False).latest("started_at").public_id
    ),
    "/catalog/services/<int:number>/edit/": lambda ada: SERVICE,
    # a number in a book: the other's book is shorter
    "/usage/logs/<int:seq>/": lambda ada: 3,
    "/usage/logs/<int:seq>/reverse/": lambda ada: 3,
    "/usage/logs/<int:seq>/settle/": lambda ada: 3,
    "/usage/evidence/<uuid:pk>/": lambda ada: EvidenceExport.objects.get(account=ada).pk,
    "/usage/evidence/<uuid:pk>/download/": lambda ada: EvidenceExport.objects.get(account=ada).pk,
    "/usage/quarantine/<int:pk>/": lambda ada: row_of(ada).pk,
    "/usage/reconciliation/<int:pk>/": lambda ada: ReconciliationRun.objects.get(account=ada).pk,
    "/usage/reconciliation/<int:pk>/acknowledge/": lambda ada: ReconciliationRun.objects.get(account=ada).pk,
    "/api/v1/keys/<int:key_id>": lambda ada: key_of(ada).pk,
    "/api/v1/keys/<int:key_id>/rotate": lambda ada: key_of(ada).pk,
    "/api/v1/usage/logs/<int:seq>": lambda ada: 3,
}
"""Addresses of what belongs to one account, and which of Ada's objects they are asked for."""
EVERYBODYS = {
    "/catalog/providers/<int:number>/": 9,
    "/catalog/services/<int:number>/": SERVICE,
    "/api/v1/providers/<int:provider_id>": 9,
    "/api/v1/services/<int:service_id>": SERVICE,
}
"""Addresses of the catalogue, which every person reads; whoever's service it is may change it."""
ADMIN = {"object_id": 1, "content_type_id": 1, "app_label": "usage", "url": "no/such/page"}
"""What the admin's addresses take."""

EVERY = list(dict.fromkeys(addresses()))
PAGES = [one for one in EVERY if not one.is_api and not one.is_admin]
API = [one for one in EVERY if one.is_api]
IN_ADMIN = [one for one in EVERY if one.is_admin]
WITH_OBJECT = [one for one in EVERY if one.template in OBJECTS]


@dataclass(frozen=True)
class Firm:
    """Ada, who has one of everything, and Eve, who has a shorter book."""

    ada: ExchangeAccount
    eve: ExchangeAccount


@pytest.fixture
def firm(wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Firm:
    wire.is_down()
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    ada, eve = make_account(provider=True), make_account(provider=True)
    make_mirror()
    make_provider(number=9)
    make_provider(number=eve.provider_id)
    make_service(provider=make_provider(number=ada.provider_id), number=SERVICE)
    key = create_key(ada.user, KeySettings(label="Ada's", scopes=ALL)).key
    make_entries(ada, 3, api_key=key)
    make_entries(eve, 1)
    taken(ada, make_row(), key=key)
    keeping.make(ada, since=None, until=None, deadline=1)
    reconciliation.reconcile(ada)
    person(ada.user)
    return Firm(ada, eve)


def key_of(account: ExchangeAccount) -> ApiKey:
    return ApiKey.objects.get(user=account.user, label="Ada's")


def row_of(account: ExchangeAccount) -> QuarantinedRow:
    return QuarantinedRow.objects.get(account=account)


def page_of(user: User, *, checks_csrf: bool = False) -> Client:
    """A browser in which this person is signed in to the pages."""
    browser = Client(enforce_csrf_checks=checks_csrf)
    browser.force_login(user)
    return browser


def path_of(address: Address, ada: ExchangeAccount) -> str:
    """Ada's object of this address; fails for one of which nothing is known."""
    if address.is_admin:
        return address.filled(ADMIN)
    if address.template in OBJECTS:
        return address.filled(dict.fromkeys(address.parameters, OBJECTS[address.template](ada)))
    if address.template in EVERYBODYS:
        return address.filled(dict.fromkeys(address.parameters, EVERYBODYS[address.template]))
    return address.filled({})


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """All that is kept, in every table, but when sessions and secrets were used."""
    kept = {}
    for model in apps.get_models(include_auto_created=True):
        fields = {field.attname for field in model._meta.concrete_fields} - {
            "last_used_at",
            "seen_at",
            "session_data",
            "expire_date",
        }
        kept[model._meta.label] = list(model._base_manager.order_by("pk").values_list(*sorted(fields)))
    return kept


def changed(before: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    """The tables that are not as they were."""
    after = everything()
    return [label for label, rows in after.items() if rows != before[label]]


def asked(client: Client, method: str, path: str, body: Any = None, **extra: Any) -> HttpResponse:
    """As a browser sends a form, or a program JSON."""
    if path.startswith("/api/"):
        data, kind = json.dumps(body or {}).encode(), "application/json"
        return client.generic(method, path, data if method != "GET" else b"", content_type=kind, **extra)
    if method == "POST":
        return client.post(path, body or {}, **extra)
    return client.generic(method, path, **extra)


def read(response: HttpResponse) -> None:
    """To its end, where it is a file: which is closed there."""
    if response.streaming:
        assert list(response)
