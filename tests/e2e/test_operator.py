"""The operator, whom bootstrap made one, looks after the site in the admin; nobody else gets in."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.api_callers import key_of, signed_in
from tests.e2e.conftest import arrive, sign_in
from tests.site_process import SiteProcess

OPERATOR = "operator@example.com"


@pytest.fixture(scope="module")
def operator(site: SiteProcess) -> str:
    done = site.manage(
        "bootstrap",
        "--json",
        env={"TOKLIGENCE_ADMIN_EMAIL": OPERATOR, "TOKLIGENCE_EMAIL": "bootstrapped@example.com"},
    )
    assert done.returncode == 0, done.stderr
    return OPERATOR


@pytest.mark.provokes(401)
def test_the_operator_finds_an_entry_and_ends_a_key(page: Page, site: SiteProcess, operator: str) -> None:
    made = key_of(site, signed_in(site, "leaky@example.com"), "leaked to a forum", ["record"])
    headers = {"Authorization": f"Bearer {made['secret']}"}
    entry = {"service_id": 1, "prompt_tokens": 7, "completion_tokens": 1, "direction": "consume"}
    recorded = requests.post(f"{site.base_url}/api/v1/usage", json=entry, headers=headers, timeout=30)
    digest = recorded.json()["results"][0]["hash"]

    sign_in(page, site, operator)
    page.get_by_role("link", name="Admin").first.click()
    page.locator("#content").get_by_role("link", name="Ledger entries").first.click()
    page.locator("#searchbar").fill(digest)
    page.keyboard.press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.locator("#result_list tbody a").first.click()
    expect(page.locator("#content")).to_contain_text(digest)

    page.goto(f"{site.base_url}/admin/accounts/apikey/")
    page.locator("#searchbar").fill("leaked")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="leaked to a forum").click()
    page.get_by_role("button", name="Revoke this key").click()
    page.get_by_role("button", name="Revoke them for good").click()
    expect(page.locator("#content")).to_contain_text("Revoked")
    again = requests.post(f"{site.base_url}/api/v1/usage", json=entry, headers=headers, timeout=30)
    assert again.status_code == 401


@pytest.mark.provokes(403)
def test_a_person_who_is_no_operator_is_refused(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "curious@example.com")
    answer = page.goto(f"{site.base_url}/admin/usage/ledgerentry/")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", name="This part is for administrators")).to_be_visible()
    page.get_by_role("link", name="Go to the dashboard").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_role("link", name="Admin")).to_have_count(0)
