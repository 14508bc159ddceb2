"""English and Chinese: as the browser asks, until a person chooses; then that, wherever they sign in."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import arrive
from tests.site_process import SiteProcess

CHINESE = re.compile("[\u4e00-\u9fff]")


def language_of(page: Page) -> str:
    return page.locator("html").get_attribute("lang") or ""


def test_a_browser_that_asks_for_chinese_gets_it(
    new_context: Callable[..., BrowserContext], site: SiteProcess
) -> None:
    page = new_context(locale="zh-CN").new_page()
    page.goto(f"{site.base_url}/accounts/login/")
    assert language_of(page) == "zh-hans"
    expect(page.get_by_role("heading", level=1)).to_have_text(CHINESE)
    arrive(page, site, "zhang@example.com")
    for path in ("/", "/catalog/services/", "/usage/", "/usage/logs/", "/accounts/keys/"):
        page.goto(site.base_url + path)
        assert language_of(page) == "zh-hans"
        expect(page.get_by_role("heading", level=1)).to_have_text(CHINESE)


def test_another_language_is_answered_in_english(
    new_context: Callable[..., BrowserContext], site: SiteProcess
) -> None:
    page = new_context(locale="fr-FR").new_page()
    page.goto(f"{site.base_url}/accounts/login/")
    assert language_of(page) == "en"
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_switch_in_the_settings_goes_before_what_the_browser_asks(
    page: Page, new_context: Callable[..., BrowserContext], site: SiteProcess
) -> None:
    arrive(page, site, "bilingual@example.com")
    page.goto(f"{site.base_url}/accounts/settings/")
    switch = page.get_by_role("region", name=re.compile("language")).get_by_role("group", name="Language")
    switch.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page).to_have_url(re.compile("/accounts/settings/"))
    page.goto(f"{site.base_url}/usage/logs/")
    expect(page.get_by_role("heading", level=1)).to_have_text(CHINESE)

    # it is the person's, not the browser's
    elsewhere = new_context(locale="en-US").new_page()
    arrive(elsewhere, site, "bilingual@example.com")
    elsewhere.goto(f"{site.base_url}/")
    assert language_of(elsewhere) == "zh-hans"

    page.goto(f"{site.base_url}/accounts/settings/")
    page.get_by_role("button", name="English").first.click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
