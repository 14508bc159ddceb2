"""Every page of somebody whose every name and memo is an attempt to get code in; the Exchange's, too."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from accounts.api_keys import create_key
from accounts.factories import make_account, make_user
from accounts.keys.settings import KeySettings
from accounts.models import ApiKey, Exchange, ExchangeAccount, Session
from accounts.tests.api import ALL
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire, wire
from gateway_site.tests.urls_asked import IN_ADMIN, OBJECTS, PAGES, page_of, read
from usage import ledger, reconciliation
from usage.evidence import keeping
from usage.factories import make_draft, mark
from usage.models import LedgerEntry, QuarantinedRow, ReconciliationRun
from usage.tests.litellm import make_row, taken

pytestmark = pytest.mark.django_db
__all__ = ["wire"]
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7|add:7 }}"
ADDRESS = "javascript:alert(1)"
LOCAL = {"", "http", "https", "mailto"}
LEADING = {"href", "src", "action", "formaction", "hx-get", "hx-post", "hx-delete", "data-url"}
FILES = ("/download/", "/export/")
"""Addresses that answer with a file, which is downloaded and never shown."""


class Found(HTMLParser):
    """What of a page could run: scripts of its own, handlers, addresses that are code, and our image."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "script" and not told.get("src") and told.get("type") != "application/json":
            self.faults.append("a script")
        if tag == "img" and told.get("src") == "x":
            self.faults.append("the image")
        for name, value in told.items():
            if name.startswith(("on", "hx-on")) or name in ("style", "srcdoc"):
                self.faults.append(f"{tag} {name}={value}")
            if name in LEADING and urlsplit(value).scheme not in LOCAL:
                self.faults.append(f"{tag} {name}={value}")


def faults_of(page: str) -> list[str]:
    found = Found()
    found.feed(page)
    found.close()
    return found.faults


@pytest.mark.parametrize(
    "markup",
    [
        HOSTILE,
        f'<a href="{ADDRESS}">x</a>',
        '<form action=" JavaScript:x">',
        '<a href="data:text/html,x">x</a>',
        "<p onclick=x>",
        "<script>x</script>",
    ],
)
def test_each_of_them_would_be_found(markup: str) -> None:
    assert faults_of(markup) != []


@pytest.fixture
def ada(wire: Wire, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> ExchangeAccount:
    """Somebody whose every text is hostile, with one of everything."""
    wire.is_down()
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    user = make_user(staff=True, display_name=HOSTILE[:80])
    account = make_account(user=user, provider=True, provider_name=HOSTILE)
    ExchangeAccount.objects.filter(pk=account.pk).update(provider_description=HOSTILE)
    Exchange.objects.update(failure=HOSTILE)
    own = make_provider(number=account.provider_id, name=HOSTILE, description=f"{ADDRESS} {HOSTILE}")
    make_service(provider=own, number=4711, name=HOSTILE, family=HOSTILE)
    make_service(provider=make_provider(number=9, name=ADDRESS), number=4712, name=ADDRESS, family=ADDRESS)
    key = create_key(user, KeySettings(label=HOSTILE, tags=(HOSTILE[:40],), scopes=ALL)).key
    ApiKey.objects.filter(pk=key.pk).update(default_service_id=4711)
    told = make_draft(service_id=4711, memo=HOSTILE, attributes={HOSTILE: HOSTILE, ADDRESS: ADDRESS})
    entries = [ledger.record_one(account, told, source="api", api_key=key).entry for _number in range(3)]
    assert all(entries)
    rules = [{"id": HOSTILE, "message": HOSTILE}, {"id": ADDRESS, "message": ADDRESS}]
    mark(LedgerEntry.objects.get(account=account, seq=1), "rejected", error=HOSTILE, rules=rules)
    mark(LedgerEntry.objects.get(account=account, seq=3), "uncertain", error=HOSTILE)
    ledger.reverse(account, 1, reason=HOSTILE, source="page")
    taken(account, make_row(model=HOSTILE, model_group=HOSTILE, custom_llm_provider=HOSTILE), key=key)
    QuarantinedRow.objects.filter(account=account).update(model=HOSTILE[:150])
    keeping.make(account, since=None, until=None, deadline=1)
    run = reconciliation.reconcile(account)
    ReconciliationRun.objects.filter(pk=run.pk).update(reason=HOSTILE, note=HOSTILE)
    browser = page_of(user)
    browser.get("/")
    Session.objects.update(label=HOSTILE[:80])
    return ExchangeAccount.objects.get(pk=account.pk)


def opened(browser: Client, ada: ExchangeAccount) -> Iterator[tuple[str, HttpResponse]]:
    """Every page of ours, with an object of Ada's where it shows one, and every page of the admin."""
    for address in PAGES:
        where = OBJECTS.get(address.template)
        if not address.parameters or "/catalog/" in address.template:
            yield_ = address.filled({"number": 4711})
        elif "/keys/" in address.template:
            yield_ = address.filled({"number": ApiKey.objects.get().pk})
        elif "/sessions/" in address.template:
            continue  # a form alone
        else:
            assert where is not None, address
            yield_ = address.filled(dict.fromkeys(address.parameters, where(ada)))
        yield yield_, browser.get(yield_)
    for address in IN_ADMIN:
        _admin, app, model = [*address.template.strip("/").split("/"), "", ""][:3]
        if model and "<" not in app + model:
            there = apps.get_model(app, model)._base_manager.order_by("pk").first()
            path = address.filled({"object_id": there.pk if there else "none"})
            yield path, browser.get(path)


def test_no_page_runs_what_stands_in_a_name(ada: ExchangeAccount) -> None:
    browser = page_of(ada.user)
    wrong, escaped = [], 0
    for path, response in opened(browser, ada):
        if response.status_code != 200 or any(part in path for part in FILES):
            read(response)
            assert response.status_code in (200, 204, 302, 403, 404, 405), path
            continue
        page = response.content.decode()
        escaped += "&lt;img src=x" in page
        if faults := faults_of(page):
            wrong.append((path, faults[:3]))
        if "<img src=x" in page or "14" in page.partition("onerror=alert(1)")[2][:6]:
            wrong.append((path, "as it is"))
    assert wrong == []
    # the names do stand there, as text
    assert escaped > 25


def test_every_page_says_how_it_may_be_used(ada: ExchangeAccount) -> None:
    browser = page_of(ada.user)
    wrong = []
    for path, response in opened(browser, ada):
        read(response)
        told = response.headers
        kept = {part.strip() for part in told.get("Cache-Control", "").split(",")}
        fine = (
            told.get("X-Content-Type-Options") == "nosniff"
            and told.get("X-Frame-Options") == "DENY"
            and "default-src 'none'" in told.get("Content-Security-Policy", "")
            and told.get("Referrer-Policy") == "same-origin"
            and (path in ("/healthz", "/readyz", "/metrics") or {"private", "no-store"} <= kept)
        )
        if response.status_code == 200 and any(part in path for part in FILES):
            fine = fine and told.get("Content-Disposition", "").startswith("attachment")
        if not fine and path not in ("/healthz", "/readyz", "/metrics"):
            wrong.append((path, response.status_code, dict(told)))
    assert wrong == []


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/catalog/services/", "/usage/logs/?q=x"])
def test_no_address_is_built_from_a_false_host(path: str, ada: ExchangeAccount) -> None:
    browser = page_of(ada.user)
    assert browser.get(path, HTTP_HOST="evil.example").status_code == 400
    page = browser.get(path, HTTP_X_FORWARDED_HOST="evil.example", HTTP_FORWARDED="host=evil.example")
    assert "evil.example" not in page.content.decode() + str(page.headers)
