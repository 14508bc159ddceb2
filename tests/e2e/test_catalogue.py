"""A person looks for a service: narrows the list, puts two side by side, and finds the way back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import arrive
from tests.site_process import SiteProcess


@pytest.fixture
def services(page: Page, site: SiteProcess) -> Locator:
    """The list of services, with nothing chosen: its rows."""
    arrive(page, site, "buyer@example.com")
    page.goto(f"{site.base_url}/catalog/services/")
    rows = page.get_by_role("region", name="Services").get_by_role("rowheader")
    expect(rows.first).to_be_visible()
    return rows


def test_the_list_is_narrowed_step_by_step_and_back_again(page: Page, services: Locator) -> None:
    everything = services.count()
    page.get_by_label("Search").fill("llama")
    expect(page).to_have_url(re.compile(r"\?q=llama$"))
    found = page.get_by_role("region", name="Services")
    expect(page.locator("#announcer")).to_have_text(re.compile("^[0-9]+ services$"))
    by_word = services.count()
    assert 0 < by_word < everything
    page.get_by_label("Order").select_option(label="Cheapest first")
    page.get_by_label("Highest price").fill("0.0005")
    expect(page).to_have_url(re.compile(r"q=llama.*max_price=0\.0005"))
    expect(services).not_to_have_count(by_word)
    # the lowest of the figures in a row is that of a thousand tokens
    told = [re.findall(r"\$([0-9.]+)", row) for row in found.get_by_role("row").all_inner_texts()]
    prices = [min(map(float, figures)) for figures in told if figures]
    assert prices
    assert max(prices) <= 0.0005
    page.go_back()
    expect(page.get_by_label("Highest price")).to_have_value("")
    page.get_by_label("Search").fill("nobody sells this")
    expect(page.get_by_role("heading", name="No service fits")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").first.click()
    expect(services).to_have_count(everything)
    expect(page.get_by_label("Search")).to_have_value("")


def test_ticks_outlive_a_filter_and_the_services_stand_side_by_side(page: Page, services: Locator) -> None:
    first = services.first.inner_text()
    page.get_by_role("checkbox", name=re.compile("^Compare")).first.check()
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("page=2"))
    second = services.first.inner_text()
    assert second != first
    page.get_by_role("checkbox", name=re.compile("^Compare")).first.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()
    for name in (first, second):
        expect(page.locator("main").get_by_role("link", name=name.strip(), exact=True)).to_be_visible()
    page.locator("main").get_by_role("link", name=re.compile(f"^Remove.*{re.escape(second.strip())}")).click()
    expect(page.get_by_text("Add one more to compare")).to_be_visible()
    page.go_back()
    expect(page.locator("main").get_by_role("link", name=second.strip(), exact=True)).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile("page=2"))
    expect(services.first).to_have_text(second)


def test_a_service_says_what_it_would_cost(page: Page, services: Locator) -> None:
    services.first.get_by_role("link").click()
    page.get_by_label("Prompt tokens").fill("1000000")
    estimate = page.locator("#estimate")
    expect(estimate).to_contain_text("$")
    told = estimate.inner_text()
    page.get_by_label("Prompt tokens").fill("2000000")
    expect(estimate).not_to_have_text(told)
    expect(page.get_by_label("Prompt tokens")).to_be_focused()
    page.get_by_role("link", name="Record usage").first.click()
    expect(page.get_by_label("Service", exact=True)).not_to_have_value("")
