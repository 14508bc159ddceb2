"""Somebody new follows the guide on the dashboard; each step ticks itself off while the page stays open."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import sign_in
from tests.site_process import SiteProcess

# the page asks every few seconds
SOON = 20_000


def step(guide: Locator, title: str) -> Locator:
    return guide.get_by_role("listitem").filter(has=guide.page.get_by_text(title, exact=True))


def ticked_off(guide: Locator, title: str) -> None:
    expect(step(guide, title)).to_contain_text("Done", timeout=SOON)


@pytest.mark.skipif(not shutil.which("curl"), reason="NOT RUN: there is no curl here")
@pytest.mark.usefixtures("worker")
def test_from_the_first_sign_in_to_the_first_entry_that_both_books_have(
    page: Page, site: SiteProcess
) -> None:
    sign_in(page, site, "newcomer@example.org")
    guide = page.get_by_role("region", name=re.compile("^(Get started|All set)$"))
    ticked_off(guide, "Register at the Exchange")
    expect(guide).to_contain_text("1 of 5")
    expect(step(guide, "Pick a service")).to_have_attribute("aria-current", "step")
    page.evaluate("window.never_left = true")

    # in another tab, as one does who follows a list
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("link", name="Browse services").click()
    chosen = other.get_by_role("region", name="Services").get_by_role("rowheader").first
    service = chosen.get_by_role("link").inner_text()
    other.goto(page.url)
    other.get_by_role("link", name="New API key").click()
    other.get_by_label("Label").fill("first program")
    default = other.get_by_label("Default service")
    default.select_option(default.locator("option", has_text=service).first.get_attribute("value"))
    other.get_by_role("button", name="Make the key").click()
    secret = other.get_by_label("The secret", exact=True).inner_text()
    other.close()

    ticked_off(guide, "Pick a service")
    ticked_off(guide, "Make a key")
    expect(step(guide, "Record the first entry")).to_have_attribute("aria-current", "step")

    command = guide.get_by_label("The command that records an entry").inner_text()
    done = subprocess.run(
        ["bash", "-c", f"curl() {{ command curl --silent --noproxy '*' \"$@\"; }}\n{command}"],
        env={**os.environ, "GATEWAY_KEY": secret},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["results"][0]["status"] == "recorded"
    ticked_off(guide, "Record the first entry")
    ticked_off(guide, "See it delivered")
    expect(guide).to_contain_text("5 of 5")
    expect(page.locator("#announcer")).to_contain_text("in both books")
    assert page.evaluate("window.never_left") is True

    guide.get_by_role("link", name="Open the dashboard").click()
    expect(page.get_by_role("region", name="Recent entries")).to_contain_text(service)
    expect(guide).to_have_count(0)
