"""Every page: pictured in both themes and widths, never scrolling sideways, and nothing for axe to find."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import sign_in
from tests.site_process import REPOSITORY, SiteProcess

OWNER = "firm@example.com"
WIDTHS = (1440, 390)
NARROWEST = 320
"""Pixels that are left of 1280 when a person has magnified the page fourfold (WCAG 1.4.10)."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MOVING = "document.getAnimations().length"
"""What moves or fades: nothing, for a person who has asked for calm."""
OF_COLOUR = ["color-contrast", "link-in-text-block"]
"""What a theme can change; the rest of axe's rules look at what is the same in both."""

# names of pictures, and addresses with the numbers that tests.e2e.firm tells
FIRM = {
    "dashboard": "/",
    "dashboard-24h": "/?period=24h",
    "providers": "/catalog/providers/",
    "provider": "/catalog/providers/1/",
    "provider-own": "/catalog/providers/{provider}/",
    "services": "/catalog/services/",
    "services-mine": "/catalog/services/?mine=1",
    "services-none": "/catalog/services/?q=zzzz",
    "service": "/catalog/services/1/",
    "service-own": "/catalog/services/{service}/",
    "service-edit": "/catalog/services/{service}/edit/",
    "publish": "/catalog/services/publish/",
    "compare": "/catalog/compare/?service=1&service=6&service=11&service={service}",
    "usage": "/usage/",
    "usage-none": "/usage/?period=custom&since=2020-01-01&until=2020-01-02",
    "record": "/usage/record/",
    "logs": "/usage/logs/",
    "logs-none": "/usage/logs/?q=zzzz",
    "logs-misunderstood": "/usage/logs/?since=yesterday&least=many",
    "entry": "/usage/logs/{delivered}/",
    "entry-refused": "/usage/logs/{refused}/",
    "entry-reversed": "/usage/logs/{reversed}/",
    "entry-reversal": "/usage/logs/{reversal}/",
    "entry-uncertain": "/usage/logs/{uncertain}/",
    "entry-pending": "/usage/logs/{pending}/",
    "reconciliation": "/usage/reconciliation/",
    "reconciliation-run": "/usage/reconciliation/{run}/",
    "evidence": "/usage/evidence/",
    "evidence-pack": "/usage/evidence/{pack}/",
    "quarantine": "/usage/quarantine/",
    "quarantine-row": "/usage/quarantine/{row}/",
    "settings": "/accounts/settings/",
    "activity": "/accounts/activity/",
    "keys": "/accounts/keys/",
    "key": "/accounts/keys/{key}/",
    "key-new": "/accounts/keys/new/",
    "api": "/api/v1/docs",
}
NEWCOMER = {
    "first-run": "/",
    "first-usage": "/usage/",
    "first-logs": "/usage/logs/",
    "first-reconciliation": "/usage/reconciliation/",
    "first-evidence": "/usage/evidence/",
    "first-keys": "/accounts/keys/",
    "first-compare": "/catalog/compare/",
    "first-publish": "/catalog/services/publish/",
    "first-settings": "/accounts/settings/",
    "first-activity": "/accounts/activity/",
}
ADMIN = {
    "admin": "/admin/",
    "admin-entries": "/admin/usage/ledgerentry/",
    "admin-deliveries": "/admin/usage/delivery/",
    "admin-keys": "/admin/accounts/apikey/",
    "admin-key": "/admin/accounts/apikey/{key}/change/",
    "admin-users": "/admin/accounts/user/",
    "admin-audit": "/admin/accounts/auditevent/",
    "admin-services": "/admin/catalog/service/",
}


@pytest.fixture(scope="module")
def firm(site: SiteProcess) -> dict[str, Any]:
    """A firm with a book of two months, made in this site."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.firm", OWNER, "--staff"],
        cwd=REPOSITORY,
        env={**site.environment, "DJANGO_SETTINGS_MODULE": "gateway_site.settings"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def signed_in(browser: Browser, site: SiteProcess, address: str) -> Iterator[BrowserContext]:
    context = browser.new_context()
    sign_in(context.new_page(), site, address)
    yield context
    context.close()


@pytest.fixture(scope="module")
def owner(browser: Browser, site: SiteProcess, firm: dict[str, Any]) -> Iterator[BrowserContext]:
    yield from signed_in(browser, site, OWNER)


@pytest.fixture(scope="module")
def newcomer(browser: Browser, site: SiteProcess) -> Iterator[BrowserContext]:
    yield from signed_in(browser, site, "newcomer@example.com")


def look_at(page: Page, name: str, artefacts: Path) -> None:
    """Picture it, and hold it against axe and its width, in each theme and width."""
    faults = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            faults += [f"{theme}, {width} px: moves" for _each in range(page.evaluate(MOVING))]
            page.screenshot(path=artefacts / f"{name}-{theme}-{width}.png", full_page=True)
            only = RULES if theme == "light" else OF_COLOUR
            faults += [f"{theme}, {width} px: {fault}" for fault in found_by_axe(page, only)]
        faults += sideways(page, width)
    page.set_viewport_size({"width": NARROWEST, "height": 900})
    faults += sideways(page, NARROWEST)
    assert faults == []


def found_by_axe(page: Page, rules: list[str]) -> list[str]:
    found = (
        Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"], "preload": False}).response
    )
    return [
        f"{fault['id']} ({fault['help']}): {node['target']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def sideways(page: Page, width: int) -> list[str]:
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{width} px: scrolls sideways by {beyond}"] if beyond > 0 else []


def opened(context: BrowserContext, site: SiteProcess, path: str) -> Page:
    page = context.new_page()
    page.goto(site.base_url + path)
    # what loads by itself is there: the Exchange's figures on the dashboard
    expect(page.locator("main [aria-busy=true], main .skeleton")).to_have_count(0)
    return page


@pytest.mark.parametrize("name", FIRM | ADMIN)
def test_a_page_of_a_firm(
    name: str, owner: BrowserContext, site: SiteProcess, firm: dict[str, Any], artefacts: Path
) -> None:
    page = opened(owner, site, (FIRM | ADMIN)[name].format(**firm))
    look_at(page, name, artefacts)
    page.close()


@pytest.mark.parametrize("name", NEWCOMER)
def test_a_page_of_somebody_new(
    name: str, newcomer: BrowserContext, site: SiteProcess, artefacts: Path
) -> None:
    page = opened(newcomer, site, NEWCOMER[name])
    look_at(page, name, artefacts)
    page.close()


@pytest.mark.provokes(422)
def test_the_pages_of_a_stranger(browser: Browser, site: SiteProcess, artefacts: Path) -> None:
    context = browser.new_context()
    page = opened(context, site, "/accounts/login/")
    look_at(page, "sign-in", artefacts)
    page.get_by_label("Email").fill("no address")
    page.locator("form[hx-post]").evaluate("form => form.noValidate = true")
    page.keyboard.press("Enter")
    page.locator("[aria-invalid=true]").wait_for()
    look_at(page, "sign-in-refused", artefacts)
    page.get_by_label("Email").fill("seen@example.com")
    page.keyboard.press("Enter")
    page.get_by_label("Code").wait_for()
    look_at(page, "sign-in-code", artefacts)
    context.close()


@pytest.mark.provokes(422)
@pytest.mark.parametrize("name", ["record", "publish", "key-new"])
def test_a_form_that_was_refused(
    name: str, owner: BrowserContext, site: SiteProcess, artefacts: Path
) -> None:
    page = opened(owner, site, FIRM[name])
    page.locator("main form:has(.field)").evaluate("form => form.noValidate = true")
    page.locator("main form:has(.field) .btn.primary").click()
    page.locator("[aria-invalid=true]").first.wait_for()
    # the message is tied to its field, and the field or the summary above has the focus
    described = page.locator("[aria-invalid=true]").first.get_attribute("aria-describedby") or ""
    assert any(page.locator(f"#{part}").inner_text() for part in described.split())
    assert page.evaluate("document.activeElement !== document.body")
    look_at(page, f"{name}-refused", artefacts)
    page.close()


def test_every_page_fits_in_chinese(
    browser: Browser, owner: BrowserContext, site: SiteProcess, firm: dict[str, Any], artefacts: Path
) -> None:
    context = browser.new_context(locale="zh-CN", storage_state=owner.storage_state())
    page, faults = context.new_page(), list[str]()
    for name, path in FIRM.items():
        page.goto(site.base_url + path.format(**firm))
        assert page.locator("html").get_attribute("lang") == "zh-hans"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=artefacts / f"{name}-zh-{width}.png")
            faults += [f"{name} {fault}" for fault in sideways(page, width)]
    context.close()
    assert faults == []
