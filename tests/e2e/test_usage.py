"""What was recorded, as a person sees it in a browser: dashboard, summary, the person's own time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from tests.e2e.conftest import arrive, sign_in
from tests.e2e.conftest import record as record_by_hand
from tests.site_process import SiteProcess

DASHBOARD_BUDGET = 60_000  # bytes on the wire, all of the page's files together


@pytest.fixture(scope="module")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "timezone_id": "Asia/Dubai"}


def record(site: SiteProcess, address: str, tokens: int) -> None:
    words = ("--service-id", "1", "--prompt-tokens", str(tokens), "--completion-tokens", "0")
    done = site.manage("record_usage", *words, env={"TOKLIGENCE_EMAIL": address})
    assert done.returncode == 0, done.stderr


@pytest.mark.provokes(400)
def test_the_summary_is_narrowed_without_leaving_the_page(page: Page, site: SiteProcess) -> None:
    record(site, "reader@example.com", 4321)
    arrive(page, site, "reader@example.com")
    page.goto(f"{site.base_url}/usage/")
    expect(page.locator(".bar-of")).to_have_count(30)
    page.get_by_role("link", name="7 days").click()
    expect(page.locator(".bar-of")).to_have_count(7)
    expect(page).to_have_url(re.compile(r"/usage/\?period=7d$"))
    page.go_back()
    expect(page.locator(".bar-of")).to_have_count(30)
    page.get_by_label("From").fill("2026-01-02")
    page.get_by_label("to", exact=True).fill("2026-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-error-summary]")).to_contain_text("lies before the first")
    expect(page.get_by_label("From")).to_have_value("2026-01-02")
    page.get_by_role("link", name="90 days").click()
    page.locator(".bar-of[href]").last.click()
    expect(page.get_by_role("heading", name="Logs", exact=True)).to_be_visible()
    expect(page.locator("main")).to_contain_text("4,321")


def test_times_are_those_of_the_persons_place_from_the_second_page_on(page: Page, site: SiteProcess) -> None:
    record(site, "dubai@example.com", 10)
    sign_in(page, site, "dubai@example.com")
    page.goto(f"{site.base_url}/")
    told = page.locator(".recent time").first
    title = told.get_attribute("title") or ""
    assert title.endswith("Asia/Dubai (UTC+04:00)")
    assert (told.get_attribute("datetime") or "").endswith("+04:00")
    moment = datetime.fromisoformat(told.get_attribute("datetime") or "")
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 600


def test_the_dashboard_is_light(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "light@example.com")
    for tokens in range(1, 5):
        record_by_hand(page, site, prompt=tokens, completion=0, memo="")
    context = page.context.browser.new_context(storage_state=page.context.storage_state())  # type: ignore[union-attr]
    fresh, weights = context.new_page(), list[int]()

    def weigh(response: Response) -> None:
        sizes = response.request.sizes()
        weights.append(sizes["responseHeadersSize"] + sizes["responseBodySize"])

    fresh.on("requestfinished", lambda request: weigh(request.response()))  # type: ignore[arg-type]
    fresh.goto(f"{site.base_url}/", wait_until="networkidle")
    expect(fresh.locator("#snapshot")).to_contain_text("Updated just now")
    context.close()
    assert len(weights) >= 5, "the page, its styles, its scripts and the Exchange's figures"
    assert sum(weights) <= DASHBOARD_BUDGET
