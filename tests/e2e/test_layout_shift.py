"""Nothing jumps as a page loads and as HTMX swaps a part of it: all layout shifts count, and there are none.

Shifts within half a second of a key or a click count as well, though a browser's own score forgives them.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.api_callers import key_of, signed_in
from tests.e2e.conftest import arrive, become_provider, record
from tests.site_process import SiteProcess

WATCH = """
    window.shifts = [];
    window.shiftsOf = (entries) => entries.forEach((each) => shifts.push({
        value: each.value,
        moved: each.sources.map(({ node, previousRect: old, currentRect: now }) =>
            `${(node?.outerHTML || node?.data || "").slice(0, 120)} ${old.x},${old.y} to ${now.x},${now.y}`),
    }));
    window.observer = new PerformanceObserver((list) => shiftsOf(list.getEntries()));
    observer.observe({ type: "layout-shift", buffered: true });
"""
DRAWN = """async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 4; frame += 1) await new Promise(requestAnimationFrame);
    shiftsOf(observer.takeRecords());
    return shifts;
}"""


@pytest.fixture
def watched(page: Page) -> Page:
    page.add_init_script(WATCH)
    return page


def shifts(page: Page) -> list[dict[str, Any]]:
    """Every shift since the page was loaded, once what has come is drawn."""
    found: list[dict[str, Any]] = page.evaluate(DRAWN)
    return found


def tell(site: SiteProcess, secret: str) -> None:
    """What a program records meanwhile."""
    entry = {"service_id": 1, "prompt_tokens": 5, "completion_tokens": 5, "direction": "consume"}
    headers = {"Authorization": f"Bearer {secret}"}
    answer = requests.post(f"{site.base_url}/api/v1/usage", json=entry, headers=headers, timeout=30)
    answer.raise_for_status()


def test_the_dashboard_with_its_figures(watched: Page, site: SiteProcess) -> None:
    arrive(watched, site, "still@example.com")
    watched.goto(f"{site.base_url}/")
    expect(watched.locator("#announcer")).to_have_text("The figures are up to date.")
    assert shifts(watched) == []
    record(watched, site, prompt=5, completion=5, memo="")
    watched.goto(f"{site.base_url}/")
    # only once the answer that the page asks for by itself is there is the next one the button's
    expect(watched.locator("#announcer")).to_have_text("The figures are up to date.")
    with watched.expect_response(re.compile("/usage/snapshot/")):
        watched.get_by_role("button", name="Refresh").first.click()
    busy = watched.locator("#snapshot.htmx-request, #snapshot .htmx-request, .htmx-settling")
    expect(busy).to_have_count(0)
    expect(watched.locator("#snapshot")).to_contain_text("Updated")
    assert shifts(watched) == []


def test_the_filters_and_pages_of_the_catalogue(watched: Page, site: SiteProcess) -> None:
    arrive(watched, site, "still-buyer@example.com")
    watched.goto(f"{site.base_url}/catalog/services/")
    told = watched.locator("#announcer")
    expect(watched.get_by_role("rowheader").first).to_be_visible()
    assert shifts(watched) == []
    watched.get_by_role("link", name="Next", exact=True).click()
    expect(watched).to_have_url(re.compile("page=2"))
    expect(told).to_have_text(re.compile("services"))
    assert shifts(watched) == []
    watched.goto(f"{site.base_url}/catalog/services/")
    watched.get_by_label("Search").press_sequentially("llama")
    expect(told).to_have_text(re.compile("services"))
    assert shifts(watched) == []


def test_the_filters_and_the_live_tail_of_the_logs(watched: Page, site: SiteProcess) -> None:
    arrive(watched, site, "still-clerk@example.com")
    for memo in ("one", "two"):
        record(watched, site, prompt=5, completion=5, memo=memo)
    made = key_of(site, signed_in(site, "still-clerk@example.com"), "teller", ["record"])
    watched.goto(f"{site.base_url}/usage/logs/")
    rows = watched.locator("#log-rows").get_by_role("row")
    watched.get_by_label("Search memos").press_sequentially("two")
    expect(rows).to_have_count(1)
    assert shifts(watched) == []
    watched.get_by_role("link", name="Clear the filters").first.click()
    expect(rows).to_have_count(2)
    with watched.expect_response(re.compile("/usage/logs/tail/")):
        pass
    assert shifts(watched) == []
    # a new entry pushes the others down: that is what it is for, and nothing beside the list moves
    tell(site, made["secret"])
    expect(rows).to_have_count(3)
    moved = [text for shift in shifts(watched) for text in shift["moved"]]
    assert [text for text in moved if not re.match("<t[rhd]|<tbody", text)] == []


def test_a_field_that_is_judged_as_one_types(watched: Page, site: SiteProcess) -> None:
    arrive(watched, site, "still-seller@example.com")
    become_provider(watched, site, "Still Works")
    watched.goto(f"{site.base_url}/catalog/services/publish/")
    price = watched.get_by_label(re.compile("^Price"))
    price.press_sequentially("0.0")
    expect(price).not_to_have_attribute("aria-invalid", "true")
    assert shifts(watched) == []
    price.press_sequentially("x")
    expect(price).to_have_attribute("aria-invalid", "true")
    assert shifts(watched) == []


def test_the_steps_of_the_sign_in(watched: Page, site: SiteProcess) -> None:
    watched.goto(f"{site.base_url}/accounts/login/")
    assert shifts(watched) == []
    watched.get_by_label("Email").fill("still-here@example.com")
    watched.keyboard.press("Enter")
    expect(watched.get_by_label("Code")).to_be_visible()
    assert shifts(watched) == []


def test_the_dashboard_that_refreshes_itself(watched: Page, site: SiteProcess) -> None:
    arrive(watched, site, "still-owner@example.com")
    record(watched, site, prompt=1_000, completion=0, memo="")
    made = key_of(site, signed_in(site, "still-owner@example.com"), "teller", ["record"])
    watched.goto(f"{site.base_url}/")
    expect(watched.locator("#announcer")).to_have_text("The figures are up to date.")
    tell(site, made["secret"])
    expect(watched.get_by_role("region", name="Recent entries")).to_contain_text("5 + 5 tokens")
    assert shifts(watched) == []
