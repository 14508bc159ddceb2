"""A person signs in, in a real browser, with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.exchange_process import ExchangeProcess
from tests.site_process import SiteProcess

SIGN_IN_BUDGET = 40_000  # bytes on the wire, all of the page's files together


def sign_in(page: Page, site: SiteProcess, address: str) -> None:
    page.goto(f"{site.base_url}/")
    page.get_by_label("Email").fill(address)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    page.get_by_label("Code").fill(site.newest_code(address))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console reports as wrong: script errors, refusals by the CSP."""
    heard: list[str] = []
    page.on(
        "console",
        lambda message: heard.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def test_a_stranger_signs_in_with_the_code_from_the_mail(
    page: Page, site: SiteProcess, complaints: list[str]
) -> None:
    sign_in(page, site, "stranger@example.com")
    expect(page).to_have_url(f"{site.base_url}/")
    expect(page.locator("body")).to_contain_text("stranger@example.com")
    # the figures come after the page, from the Exchange
    expect(page.locator("body")).to_contain_text("100,000 of 100,000")
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_label("Email")).to_be_visible()
    page.goto(f"{site.base_url}/accounts/settings/")
    expect(page.get_by_label("Email")).to_be_visible()
    assert complaints == []


def test_the_steps_push_their_address_and_the_back_button_works(page: Page, site: SiteProcess) -> None:
    page.goto(f"{site.base_url}/accounts/login/")
    page.get_by_label("Email").fill("back@example.com")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/accounts/verify/$"))
    page.go_back()
    expect(page.get_by_label("Email")).to_be_visible()
    page.go_forward()
    expect(page.get_by_label("Code")).to_be_visible()


def test_a_wrong_code_is_said_at_the_field_and_the_right_one_still_works(
    page: Page, site: SiteProcess
) -> None:
    page.goto(f"{site.base_url}/accounts/login/")
    page.get_by_label("Email").fill("wrong@example.com")
    page.keyboard.press("Enter")
    field = page.get_by_label("Code")
    right = site_code_after(page, site, "wrong@example.com")
    field.fill("999999" if right.replace(" ", "") != "999999" else "888888")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("That code is not right. 4 more tries.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.fill(right)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def site_code_after(page: Page, site: SiteProcess, address: str) -> str:
    expect(page.get_by_label("Code")).to_be_visible()
    return site.newest_code(address)


def test_it_works_without_javascript(browser: Browser, site: SiteProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, "plain@example.com")
    page.get_by_role("button", name=re.compile("Refresh")).first.click()
    expect(page.locator("body")).to_contain_text("100,000 of 100,000")
    page.get_by_role("button", name="Dark").first.click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_label("Email")).to_be_visible()
    context.close()


def test_the_sign_in_page_weighs_little(browser: Browser, site: SiteProcess) -> None:
    context = browser.new_context()
    page = context.new_page()
    weights: list[float] = []
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    page.goto(f"{site.base_url}/accounts/login/", wait_until="networkidle")
    context.close()
    assert len(weights) >= 3, "the page, its style and its script at least"
    assert sum(weights) <= SIGN_IN_BUDGET


def test_the_main_job_is_done_in_the_browser(
    page: Page, site: SiteProcess, exchange: ExchangeProcess, complaints: list[str]
) -> None:
    sign_in(page, site, "maker@example.com")
    page.goto(f"{site.base_url}/accounts/settings/")
    page.get_by_label("Provider name").fill("Maker Works")
    page.get_by_role("button", name="Become a provider").click()
    expect(page.locator("body")).to_contain_text("You are a provider now: Maker Works.")

    page.goto(f"{site.base_url}/catalog/services/publish/")
    page.get_by_label("Service name").fill("unlimited maker")
    page.get_by_label("Model family").fill("llama-3.3-70b")
    page.get_by_label(re.compile("^Price")).fill("0.0006")
    page.get_by_role("button", name=re.compile("^Publish")).last.click()
    expect(page.locator("main")).to_contain_text("FORBIDDEN_WORD")
    expect(page.get_by_label("Model family")).to_have_value("llama-3.3-70b")
    complaints.clear()  # the browser reports the refusal's status itself
    page.get_by_label("Service name").fill("maker llama")
    page.get_by_role("button", name=re.compile("^Publish")).last.click()
    expect(page.locator("main")).to_contain_text("maker llama")

    for direction, prompt, completion in (("Supplied", "1200", "300"), ("Consumed", "40", "2")):
        page.goto(f"{site.base_url}/usage/record/")
        page.get_by_label("Service", exact=True).select_option(label="maker llama")
        page.get_by_label(direction).check()
        page.get_by_label("Prompt tokens").fill(prompt)
        page.get_by_label("Completion tokens").fill(completion)
        page.get_by_role("button", name=re.compile("^Record")).last.click()
        expect(page.get_by_role("heading", name="maker llama")).to_be_visible()
    page.goto(f"{site.base_url}/")
    expect(page.locator("main")).to_contain_text("1,458")
    assert complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_and_is_pictured(
    browser: Browser, site: SiteProcess, artefacts: Path, theme: Any, width: int
) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900})
    page = context.new_page()
    paths = {
        "dashboard": "/",
        "providers": "/catalog/providers/",
        "services": "/catalog/services/",
        "publish": "/catalog/services/publish/",
        "usage": "/usage/",
        "logs": "/usage/logs/",
        "reconciliation": "/usage/reconciliation/",
        "record": "/usage/record/",
        "settings": "/accounts/settings/",
        "not-found": "/nothing-here/",
    }
    page.goto(f"{site.base_url}/accounts/login/")
    page.screenshot(path=artefacts / f"sign-in-{theme}-{width}.png")
    sign_in(page, site, f"look-{theme}-{width}@example.com")
    for name, path in paths.items():
        page.goto(site.base_url + path, wait_until="networkidle")
        page.screenshot(path=artefacts / f"{name}-{theme}-{width}.png", full_page=True)
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{path} scrolls sideways at {width} px"
    context.close()
