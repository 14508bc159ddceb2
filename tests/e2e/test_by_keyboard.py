"""Whole flows by the keyboard alone: all is within reach, and the focus is seen wherever it goes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import arrive, become_provider
from tests.site_process import SiteProcess

MOST_STOPS = 120
UNSEEN = """() => {
    const place = document.activeElement;
    if (!place || place === document.body) return "nothing has the focus";
    const marked = (one) => {
        const style = getComputedStyle(one);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    };
    // what is hidden for the eye is marked at its label, a link that fills its card at the card
    for (let one = place, up = 0; one && up < 4; one = one.parentElement, up += 1) if (marked(one)) return "";
    return `the focus cannot be seen at ${place.outerHTML.slice(0, 160)}`;
}"""


class Keyboard:
    """The hands of somebody who uses no mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.press = page.keyboard.press
        self.type = page.keyboard.type

    def go_to(self, place: Locator, key: str = "Tab") -> None:
        """Press the key until the place has the focus; it can be seen at each stop on the way."""
        expect(place).to_be_visible()
        for _stop in range(MOST_STOPS):
            self.press(key)
            if place.evaluate("place => place === document.activeElement"):
                assert self.page.evaluate(UNSEEN) == ""
                return
            assert self.page.evaluate(UNSEEN) in ("", "nothing has the focus")  # past the last stop
        raise AssertionError(f"{key} does not lead to {place}")

    def open(self, place: Locator, key: str = "Tab") -> None:
        self.go_to(place, key)
        self.press("Enter")


@pytest.fixture
def keys(page: Page) -> Keyboard:
    return Keyboard(page)


def test_from_the_sign_in_to_the_sign_out(page: Page, site: SiteProcess, keys: Keyboard) -> None:
    page.goto(f"{site.base_url}/")
    expect(page.get_by_label("Email")).to_be_focused()
    keys.type("typist@example.com")
    keys.press("Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    keys.type(site.newest_code("typist@example.com"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.open(page.get_by_role("navigation", name="Main").get_by_role("link", name="Catalogue"))
    expect(page.get_by_role("heading", name="Services", level=1)).to_be_visible()
    rows = page.get_by_role("region", name="Services").get_by_role("rowheader")
    expect(rows.first).to_be_visible()
    keys.go_to(page.get_by_label("Search"))
    keys.type("llama")
    expect(page).to_have_url(re.compile("q=llama"))
    expect(page.get_by_label("Search")).to_be_focused()
    keys.open(rows.first.get_by_role("link"))
    name = page.get_by_role("heading", level=1)
    expect(page).to_have_url(re.compile(r"/services/\d+/$"))
    service = name.inner_text()

    keys.open(page.get_by_role("link", name="Record usage").first)
    keys.go_to(page.get_by_label("Prompt tokens"))
    keys.type("1200")
    keys.press("Tab")
    keys.type("300")
    keys.go_to(page.get_by_label("Memo"))
    keys.type("typed")
    keys.open(page.get_by_role("button", name="Record", exact=True))
    expect(name).to_have_text(service)
    expect(page.locator("main")).to_contain_text("Recorded: 1,500 tokens.")

    keys.go_to(page.locator("summary", has_text="Take it back"))
    keys.press("Space")
    keys.go_to(page.get_by_label("Reason"))
    keys.type("typed twice")
    keys.open(page.get_by_role("button", name="Reverse this entry"))
    expect(page.locator("main")).to_contain_text("is taken back by entry 2")

    keys.open(page.get_by_role("button", name="Sign out").locator("visible=true"), "Shift+Tab")
    expect(page.get_by_label("Email")).to_be_focused()


def test_a_choice_is_made_with_the_arrows_and_a_tick_with_the_space_bar(
    page: Page, site: SiteProcess, keys: Keyboard
) -> None:
    arrive(page, site, "arrows@example.com")
    become_provider(page, site, "Arrow Works")
    page.goto(f"{site.base_url}/usage/record/")
    consumed, supplied = page.get_by_label("Consumed"), page.get_by_label("Supplied")
    keys.go_to(consumed)
    keys.press("ArrowDown")
    expect(supplied).to_be_checked()
    assert page.evaluate(UNSEEN) == ""
    keys.press("ArrowUp")
    expect(consumed).to_be_checked()

    page.goto(f"{site.base_url}/catalog/services/")
    ticks = page.get_by_role("checkbox", name=re.compile("^Compare"))
    expect(ticks.first).to_be_visible()
    for tick in (ticks.nth(0), ticks.nth(1)):
        keys.go_to(tick)
        keys.press("Space")
        expect(tick).to_be_checked()
    keys.open(page.get_by_role("button", name="Compare", exact=True))
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()


@pytest.mark.provokes(422)
def test_a_refused_form_leads_to_what_is_wrong_in_it(page: Page, site: SiteProcess, keys: Keyboard) -> None:
    arrive(page, site, "mistaken@example.com")
    page.goto(f"{site.base_url}/usage/record/?service=1")
    keys.go_to(page.get_by_label("Prompt tokens"))
    keys.type("many")
    keys.press("Tab")
    keys.type("1")
    keys.press("Enter")
    problems = page.get_by_role("alert")
    expect(problems).to_be_focused()
    keys.open(problems.get_by_role("link", name="Prompt tokens"))
    expect(page.get_by_label("Prompt tokens")).to_be_focused()
    expect(page.get_by_label("Prompt tokens")).to_have_attribute("aria-invalid", "true")


def test_the_shortcuts_search_go_through_a_list_and_lead_to_pages(
    page: Page, site: SiteProcess, keys: Keyboard
) -> None:
    arrive(page, site, "shortcuts@example.com")
    page.goto(f"{site.base_url}/catalog/services/")
    links = page.get_by_role("region", name="Services").get_by_role("rowheader").get_by_role("link")
    expect(links.first).to_be_visible()
    keys.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    keys.type("llama")
    expect(page).to_have_url(re.compile("q=llama"))
    expect(page.locator("#announcer")).not_to_be_empty()
    keys.press("ArrowDown")
    expect(links.first).to_be_focused()
    keys.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    assert page.evaluate(UNSEEN) == ""
    keys.press("Enter")
    expect(page).to_have_url(re.compile(r"/services/\d+/$"))

    keys.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    keys.press("g")
    keys.press("l")
    expect(page.get_by_role("heading", name="Logs", exact=True)).to_be_visible()
