"""What HTMX swaps is told to who cannot see it, leaves the focus alone, and moves nothing needlessly."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import arrive, become_provider, record
from tests.site_process import SiteProcess

MOVING = """() => [
    ...document.getAnimations().map((each) => each.animationName || each.transitionProperty || "animation"),
    ...[...document.querySelectorAll("*")]
        .filter((each) => /[1-9]/.test(getComputedStyle(each).transitionDuration))
        .map((each) => each.outerHTML.slice(0, 100)),
]"""


def announced(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("#announcer")).to_have_text(words)


def test_a_filter_is_told_and_the_field_keeps_the_focus(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "listener@example.com")
    record(page, site, prompt=5, completion=5, memo="a word")
    record(page, site, prompt=5, completion=5, memo="another")
    page.goto(f"{site.base_url}/usage/logs/")
    search = page.get_by_label("Search memos")
    search.press_sequentially("another")
    announced(page, "1 entry on this page")
    expect(search).to_be_focused()
    search.press_sequentially(" which nobody wrote")
    announced(page, "Nothing found")
    expect(search).to_be_focused()
    expect(search).to_have_value("another which nobody wrote")

    page.goto(f"{site.base_url}/catalog/services/")
    expect(page.get_by_role("rowheader").first).to_be_visible()
    family = page.get_by_label("Model family")
    family.focus()
    family.select_option(index=1)
    announced(page, re.compile(r"^\d+ services?$"))
    expect(family).to_be_focused()
    assert family.evaluate("field => field.selectedIndex") == 1


def test_a_turned_page_and_fetched_figures_are_told(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "reader@example.com")
    page.goto(f"{site.base_url}/catalog/services/")
    page.get_by_role("link", name="Next", exact=True).click()
    announced(page, re.compile(r"^\d+ services$"))
    # the link went with the old list: who goes on by keyboard goes on in the new one
    assert page.evaluate("document.activeElement !== document.body")
    page.goto(f"{site.base_url}/")
    refresh = page.get_by_role("region", name="Your book and the Exchange").get_by_role(
        "button", name="Refresh"
    )
    announced(page, "The figures are up to date.")
    refresh.focus()
    page.keyboard.press("Enter")
    expect(refresh).to_be_focused()
    announced(page, "The figures are up to date.")


@pytest.mark.provokes(422)
def test_a_refusal_is_told_by_the_focus_and_an_error_as_one_types_by_its_place(
    page: Page, site: SiteProcess
) -> None:
    arrive(page, site, "told@example.com")
    become_provider(page, site, "Told Works")
    price = page.get_by_label(re.compile("^Price"))
    price.fill("0.0x")
    message = page.locator(f"#{price.get_attribute('id')}_message")
    expect(message).to_have_attribute("aria-live", "polite")
    expect(message).not_to_be_empty()
    described = (price.get_attribute("aria-describedby") or "").split()
    assert message.get_attribute("id") in described
    expect(price).to_be_focused()
    page.get_by_label("Service name").fill("told llama")
    page.get_by_label("Model family").fill("llama-3.3-70b")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert")).to_be_focused()


def test_nothing_moves_for_who_asked_for_calm(
    new_context: Callable[..., BrowserContext], site: SiteProcess
) -> None:
    page = new_context(reduced_motion="reduce").new_page()
    page.goto(f"{site.base_url}/accounts/login/")
    page.get_by_label("Email").fill("calm@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_visible()
    assert page.evaluate(MOVING) == []
    arrive(page, site, "calm@example.com")
    for path in ("/", "/usage/logs/", "/catalog/services/", "/usage/record/", "/accounts/keys/new/"):
        page.goto(site.base_url + path)
        assert page.evaluate(MOVING) == []
    page.goto(f"{site.base_url}/catalog/services/")
    page.get_by_label("Search").fill("llama")
    announced(page, re.compile(r"^\d+ services$"))
    assert page.evaluate(MOVING) == []
