"""LiteLLM tells calls that name no service; a person says on the page which one it was."""

from __future__ import annotations

import copy
import json
from typing import Any

import requests
from playwright.sync_api import Page, expect

from tests.api_callers import key_of, signed_in
from tests.e2e.conftest import arrive
from tests.exchange_process import REPOSITORY
from tests.site_process import SiteProcess

SAMPLE = REPOSITORY / "usage" / "tests" / "data" / "litellm-callback-batch.json"


def calls(count: int, **changes: Any) -> list[dict[str, Any]]:
    """So many calls as LiteLLM tells them, which name no service."""
    first = json.loads(SAMPLE.read_text())[0]
    made = []
    for number in range(count):
        call = copy.deepcopy(first) | {"request_tags": [], **changes}
        names = dict.fromkeys(("id", "litellm_call_id", "trace_id"), f"{changes}-{number}")
        made.append(call | names)
    return made


def test_calls_without_a_service_wait_and_are_placed_or_discarded(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "proxy@example.com")
    made = key_of(site, signed_in(site, "proxy@example.com"), "litellm", ["record"])
    answer = requests.post(
        f"{site.base_url}/api/v1/usage/litellm",
        json=[*calls(2, model="house-model"), *calls(1, model="toy-model")],
        headers={"Authorization": f"Bearer {made['secret']}"},
        timeout=30,
    )
    answer.raise_for_status()

    page.goto(f"{site.base_url}/usage/logs/")
    expect(page.locator("main")).to_contain_text("3 calls that LiteLLM told wait")
    page.locator("main").get_by_role("link", name="Review").click()
    page.get_by_role("link", name="house-model").click()
    page.get_by_label("Service", exact=True).select_option(index=1)
    page.get_by_role("button", name="Record 2 rows").click()
    expect(page.locator("main")).to_contain_text("Recorded: 2 rows")
    page.goto(f"{site.base_url}/usage/quarantine/")
    expect(page.get_by_role("region", name="Settled lately")).to_contain_text("house-model")

    page.get_by_role("link", name="toy-model").click()
    page.get_by_text("Discard", exact=True).click()
    page.get_by_role("button", name="Discard 1 row").click()
    page.goto(f"{site.base_url}/usage/quarantine/")
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()

    page.goto(f"{site.base_url}/usage/logs/")
    expect(page.locator("#log-rows").get_by_role("row")).to_have_count(2)
    expect(page.locator("main")).not_to_contain_text("wait until you say")
