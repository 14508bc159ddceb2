"""The life of an API key: made in the page, used by curl, spent beyond its budget, rotated, revoked."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import arrive
from tests.site_process import SiteProcess

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="NOT RUN: there is no curl here")
SHOWN = ("For a shell: keep it in a variable", "Try it: record 1,500 tokens that you consumed")
QUIET = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "-w", "\n%{http_code}"]


def told(site: SiteProcess, secret: str, tokens: int) -> tuple[int, dict[str, Any]]:
    """What curl is answered when a program records so many tokens with this secret."""
    entry = {"entry_id": str(uuid.uuid4()), "service_id": 1, "direction": "consume"}
    entry |= {"prompt_tokens": tokens, "completion_tokens": 0}
    return curl("-X", "POST", "--json", json.dumps(entry), f"{site.base_url}/api/v1/usage", secret=secret)


def allowed(site: SiteProcess, secret: str) -> bool:
    """What a program is told that asks before it spends."""
    status, answer = curl(f"{site.base_url}/api/v1/budget", secret=secret)
    assert status == 200, answer
    return bool(answer["allowed"])


def curl(*words: str, secret: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*QUIET, "-H", f"Authorization: Bearer {secret}", *words], capture_output=True, text=True, check=True
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body or "null")


def shown_secret(page: Page) -> str:
    """The secret that a page shows this once."""
    secret = page.get_by_label("The secret", exact=True).inner_text()
    assert secret.startswith("tgk_")
    return secret


def make_key(page: Page, site: SiteProcess, label: str, budget: int) -> str:
    page.goto(f"{site.base_url}/accounts/keys/")
    page.get_by_role("link", name="New API key").click()
    page.get_by_label("Label").fill(label)
    page.get_by_label("Budget").select_option(label="Tokens")
    page.get_by_label("Limit", exact=True).fill(str(budget))
    page.get_by_role("button", name="Make the key").click()
    return shown_secret(page)


def test_the_command_that_the_page_shows_records(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "copier@example.com")
    secret = make_key(page, site, "copied", 10_000)
    commands = [page.get_by_label(name, exact=True).inner_text() for name in SHOWN]
    script = "\n".join(["set -e", "curl() { command curl --silent --noproxy '*' \"$@\"; }", *commands])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert [one["status"] for one in json.loads(done.stdout)["results"]] == ["recorded"]
    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_role("region", name="Spent of the budget")).to_contain_text("1,500")
    page.goto(f"{site.base_url}/accounts/keys/")
    assert secret not in page.content()


def test_from_the_first_call_to_the_end_of_the_key(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "agent-owner@example.com")
    secret = make_key(page, site, "night agent", 1000)
    page.get_by_role("link", name="I have kept it").click()
    spent = page.get_by_role("region", name="Spent of the budget")
    bar = spent.locator("rect")
    expect(spent).to_contain_text("0 tokens")
    assert float(bar.get_attribute("width") or "") == 0
    assert allowed(site, secret)

    assert told(site, secret, 600)[0] == 201
    page.reload()
    expect(spent).to_contain_text("600 tokens")
    assert float(bar.get_attribute("width") or "") == 60
    assert allowed(site, secret)

    # what is spent is spent: it is recorded, and said
    status, answer = told(site, secret, 700)
    assert (status, answer["results"][0]["status"]) == (201, "recorded")
    assert not allowed(site, secret)
    page.reload()
    expect(spent).to_contain_text("1,300 tokens")
    assert float(bar.get_attribute("width") or "") == 100
    expect(page.locator("main")).to_contain_text("Budget reached")
    page.locator("main").get_by_role("link", name="Logs", exact=True).click()
    expect(page.get_by_role("rowheader").filter(has_text="over budget")).to_have_count(1)
    page.go_back()

    page.get_by_text("Give it a new secret").click()
    page.get_by_label("The secrets from before work on").select_option(label="They end at once")
    page.get_by_label("End them at once").check()
    page.get_by_role("button", name="Make a new secret").click()
    fresh = shown_secret(page)
    assert fresh != secret
    status, answer = told(site, secret, 1)
    assert (status, answer["error"]["code"]) == (401, "not_authenticated")
    assert told(site, fresh, 1)[0] == 201

    page.get_by_role("link", name="I have kept it").click()
    expect(spent).to_contain_text("1,301 tokens")
    page.get_by_text("Revoke the key").click()
    page.get_by_role("button", name="Revoke it for good").click()
    expect(page.locator("main")).to_contain_text("Revoked")
    assert told(site, fresh, 1)[0] == 401
    page.goto(f"{site.base_url}/accounts/keys/")
    page.get_by_role("heading", name="Revoked", exact=True).click()
    expect(page.get_by_role("link", name="night agent", exact=True)).to_be_visible()
