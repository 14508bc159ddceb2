"""Somebody who is no provider yet publishes a service, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.test_sign_in import complaints, sign_in  # noqa: F401
from tests.exchange_process import ExchangeProcess
from tests.site_process import SiteProcess

PRICE = re.compile("^Price")


def begin(page: Page, site: SiteProcess, address: str) -> None:
    """Sign in, and become a provider on the publish page."""
    sign_in(page, site, address)
    page.goto(f"{site.base_url}/catalog/services/publish/")
    page.get_by_label("Provider name").fill("Live Works")
    page.get_by_role("button", name="Become a provider").click()
    expect(page.get_by_label("Service name")).to_be_visible()


def test_a_field_is_judged_as_one_types_and_the_cursor_stays(
    page: Page,
    site: SiteProcess,
    complaints: list[str],  # noqa: F811
) -> None:
    begin(page, site, "live@example.com")
    price, message = page.get_by_label(PRICE), page.locator("#id_price_per_1k_tokens_message")
    price.fill("")
    price.press_sequentially("0.0x")
    expect(message).to_contain_text("Enter a number.")
    expect(price).to_be_focused()
    expect(price).to_have_value("0.0x")
    expect(price).to_have_attribute("aria-invalid", "true")
    expect(page.locator("main .error")).to_have_count(1)
    price.press("Backspace")
    price.press_sequentially("6")
    expect(message).to_have_text("")
    expect(price).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("main")).to_contain_text("$60.00")
    assert complaints == []


def test_a_double_click_publishes_once(page: Page, site: SiteProcess, exchange: ExchangeProcess) -> None:
    begin(page, site, "double@example.com")
    page.get_by_label("Service name").fill("double llama")
    page.get_by_label("Model family").fill("llama-3.3-70b")
    page.get_by_label(PRICE).fill("0.0006")
    page.get_by_role("button", name="Publish", exact=True).dblclick()
    expect(page).to_have_url(f"{site.base_url}/catalog/services/?mine=1")
    expect(page.locator("body")).to_contain_text("double llama is on offer.")
    expect(page.get_by_text("double llama", exact=True)).to_have_count(1)
