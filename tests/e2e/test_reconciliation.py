"""The Exchange has counted what the book does not know: found, said on every page, and acknowledged."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.conftest import arrive, record
from tests.exchange_process import ExchangeProcess
from tests.site_process import SiteProcess

BANNER = "Your book and the Exchange's differ."


def report_past_the_gateway(exchange: ExchangeProcess, address: str, tokens: int) -> None:
    """Somebody else reports for the same account."""
    user = requests.post(
        f"{exchange.base_url}/users", json={"email": address, "roles": ["consumer"]}, timeout=30
    ).json()["user"]
    line = {"user_id": user["id"], "service_id": 5, "direction": "consume"}
    line |= {"prompt_tokens": tokens, "completion_tokens": 0, "memo": "from elsewhere"}
    requests.post(
        f"{exchange.base_url}/usage",
        json=line,
        headers={"Idempotency-Key": f"elsewhere-{address}"},
        timeout=30,
    ).raise_for_status()


@pytest.mark.provokes(422)
def test_a_difference_is_found_said_everywhere_and_acknowledged(
    page: Page, site: SiteProcess, exchange: ExchangeProcess
) -> None:
    arrive(page, site, "auditor@example.com")
    record(page, site, prompt=500, completion=0, memo="mine")
    page.goto(f"{site.base_url}/usage/reconciliation/")
    page.get_by_role("button", name="Reconcile now").click()
    expect(page.get_by_role("heading", name="The books agree")).to_be_visible()
    expect(page.locator("main")).to_contain_text("1 line matched")

    report_past_the_gateway(exchange, "auditor@example.com", 77)
    page.get_by_role("button", name="Reconcile now").click()
    expect(page.get_by_role("heading", name="The books differ")).to_be_visible()
    expect(page.locator("#announcer")).not_to_be_empty()
    finding = page.get_by_role("region", name=re.compile("^Only theirs|^Theirs only", re.IGNORECASE))
    expect(finding).to_contain_text("77")
    expect(finding).to_contain_text("from elsewhere")
    for path in ("/catalog/services/", "/usage/logs/", "/accounts/settings/"):
        page.goto(site.base_url + path)
        expect(page.locator("main")).to_contain_text(BANNER)

    page.locator("main").get_by_role("link", name="Review").click()
    page.get_by_text("I know what it is").click()
    note, button = (
        page.get_by_label("What you know of it"),
        page.get_by_role("button", name="Acknowledge the difference"),
    )
    button.click()
    expect(note).to_have_attribute("aria-invalid", "true")
    note.fill("The old script; it is switched off.")
    button.click()
    expect(page.locator("main")).to_contain_text("Acknowledged by auditor@example.com")
    expect(page.locator("main")).to_contain_text("The old script; it is switched off.")
    page.goto(f"{site.base_url}/usage/logs/")
    expect(page.locator("main")).not_to_contain_text(BANNER)

    # the same again is known; nothing more is said of it
    page.goto(f"{site.base_url}/usage/reconciliation/")
    page.get_by_role("button", name="Reconcile now").click()
    expect(page.get_by_role("heading", name="The books differ")).to_be_visible()
    page.goto(f"{site.base_url}/")
    expect(page.locator("main")).not_to_contain_text(BANNER)
