"""The API's reference page in a real browser: for a stranger, in both themes, wide and narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.site_process import SiteProcess

BUDGET = 80_000  # bytes on the wire, all of the page's files together


def test_a_stranger_reads_it_and_copies_a_command(page: Page, site: SiteProcess) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.base_url)
    page.goto(f"{site.base_url}/api/v1/docs", wait_until="networkidle")
    expect(page.get_by_role("heading", name="API reference", level=1)).to_be_visible()
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Record usage").click()
    card = page.locator("#post-usage")
    expect(card).to_be_in_viewport()
    card.get_by_role("button", name="Copy: Record usage").click()
    expect(card.locator(".copy[data-done]")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith('curl "$GATEWAY/api/v1/usage"')
    card.get_by_text("Fields of the answer").click()
    expect(card.get_by_text("results[].over_budget")).to_be_visible()
    card.get_by_role("link", name="429").click()
    expect(page.locator("#refused-429")).to_be_in_viewport()
    expect(page.locator("#refused-429")).to_contain_text("too_many_requests")


def test_the_description_is_downloaded(page: Page, site: SiteProcess) -> None:
    page.goto(f"{site.base_url}/api/v1/docs")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download openapi.json").click()
    assert downloading.value.suggested_filename == "openapi.json"


def test_it_is_whole_without_javascript(browser: Browser, site: SiteProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.base_url}/api/v1/docs")
    expect(page.locator(".api-operation .api-code").first).to_be_visible()
    expect(page.locator("button.copy").first).to_be_hidden()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390, 320])
def test_it_fits_and_is_pictured(
    browser: Browser, site: SiteProcess, artefacts: Path, theme: Any, width: int
) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(f"{site.base_url}/api/v1/docs", wait_until="networkidle")
    page.screenshot(path=artefacts / f"api-docs-{theme}-{width}.png", full_page=True)
    for fold in page.locator("details").all():
        fold.evaluate("fold => { fold.open = true; }")
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    context.close()


def test_it_weighs_little(browser: Browser, site: SiteProcess) -> None:
    context = browser.new_context()
    page = context.new_page()
    weights: list[float] = []
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    page.goto(f"{site.base_url}/api/v1/docs", wait_until="networkidle")
    context.close()
    assert sum(weights) <= BUDGET
