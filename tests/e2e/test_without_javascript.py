"""Every flow that HTMX makes smoother works without it: forms are sent, addresses are followed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import arrive, become_provider, record, sign_in
from tests.site_process import SiteProcess


@pytest.fixture
def plain(new_context: Callable[..., BrowserContext]) -> Page:
    """A page in a browser that runs no script."""
    return new_context(java_script_enabled=False).new_page()


def test_signing_in_the_figures_the_theme_and_out_again(plain: Page, site: SiteProcess) -> None:
    sign_in(plain, site, "plain@example.com")
    plain.get_by_role("button", name="Refresh").first.click()
    expect(plain.locator("body")).to_contain_text("100,000 of 100,000")
    plain.get_by_role("button", name="Dark").first.click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    plain.get_by_role("button", name="Sign out").first.click()
    expect(plain.get_by_label("Email")).to_be_visible()


def test_finding_and_comparing(plain: Page, site: SiteProcess) -> None:
    arrive(plain, site, "plain-buyer@example.com")
    plain.goto(f"{site.base_url}/catalog/services/")
    # the catalogue is fetched by the first page that shows it, and shown by the next
    plain.get_by_role("button", name="Refresh").first.click()
    plain.goto(f"{site.base_url}/catalog/services/")
    plain.get_by_label("Search").fill("llama")
    plain.get_by_role("button", name="Show", exact=True).click()
    expect(plain).to_have_url(re.compile(r"q=llama"))
    ticks = plain.get_by_role("checkbox", name=re.compile("^Compare"))
    ticks.nth(0).check()
    ticks.nth(1).check()
    plain.get_by_role("button", name="Compare", exact=True).click()
    expect(plain.get_by_role("link", name=re.compile("^Remove"))).to_have_count(2)


@pytest.mark.provokes(422)
def test_publishing(plain: Page, site: SiteProcess) -> None:
    arrive(plain, site, "plain-seller@example.com")
    become_provider(plain, site, "Plain Works")
    for name, told in (("unlimited plain", "FORBIDDEN_WORD"), ("plain llama", "plain llama is on offer.")):
        plain.get_by_label("Service name").fill(name)
        plain.get_by_label("Model family").fill("llama-3.3-70b")
        plain.get_by_label(re.compile("^Price")).fill("0.0006")
        plain.get_by_role("button", name="Publish", exact=True).click()
        expect(plain.locator("main")).to_contain_text(told)


def test_a_key(plain: Page, site: SiteProcess) -> None:
    arrive(plain, site, "plain-keys@example.com")
    plain.goto(f"{site.base_url}/accounts/keys/new/")
    plain.get_by_label("Label").fill("plain key")
    plain.get_by_role("button", name="Make the key").click()
    expect(plain.get_by_label("The secret", exact=True)).to_contain_text("tgk_")
    plain.get_by_role("link", name="I have kept it").click()
    plain.get_by_text("Revoke the key").click()
    plain.get_by_role("button", name="Revoke it for good").click()
    expect(plain.locator("main")).to_contain_text("plain key is revoked")


def test_recording_reversing_and_reconciling(plain: Page, site: SiteProcess) -> None:
    arrive(plain, site, "plain-books@example.com")
    record(plain, site, prompt=10, completion=5, memo="by hand")
    expect(plain.locator("main")).to_contain_text("Delivered")
    plain.get_by_text("Take it back").click()
    plain.get_by_label("Reason").fill("typed twice")
    plain.get_by_role("button", name="Reverse this entry").click()
    expect(plain.locator("main")).to_contain_text("is taken back by entry 2")
    plain.goto(f"{site.base_url}/usage/logs/")
    plain.get_by_label("Search memos").fill("hand")
    plain.get_by_role("button", name="Show", exact=True).click()
    expect(plain.locator("#log-rows").get_by_role("row")).to_have_count(1)
    plain.goto(f"{site.base_url}/usage/reconciliation/")
    plain.get_by_role("button", name="Reconcile now").click()
    expect(plain.get_by_role("heading", name="The books agree")).to_be_visible()
    plain.goto(f"{site.base_url}/")
    expect(plain.locator("main")).to_contain_text("10 + 5 tokens")
