"""The Exchange is stopped for a while: pages stay, recording goes on, and all is delivered once, after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.conftest import arrive, become_provider, record
from tests.exchange_process import ExchangeProcess, running_exchange
from tests.site_process import SiteProcess, running_beside, running_site

PAGES = {
    "/": "Dashboard",
    "/catalog/providers/": "Providers",
    "/catalog/services/": "Services",
    "/catalog/services/1/": None,
    "/usage/": "Usage",
    "/usage/logs/": "Logs",
    "/usage/reconciliation/": "Reconciliation",
    "/accounts/keys/": "API keys",
    "/accounts/settings/": "Settings",
}


@dataclass(frozen=True)
class Place:
    """A site of its own, and where its Exchange keeps its books."""

    site: SiteProcess
    exchange: ExchangeProcess
    books: Path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    books, folder = tmp_path / "exchange", tmp_path / "site"
    books.mkdir()
    folder.mkdir()
    with (
        running_exchange(books, "--seed") as exchange,
        running_site(folder, exchange.base_url) as site,
        running_beside(site, "delivery", "catalogue"),
    ):
        yield Place(site, exchange, books)


def counted(exchange: ExchangeProcess, address: str) -> list[int]:
    """The tokens of each line that the Exchange has of this account."""
    user = requests.post(
        f"{exchange.base_url}/users", json={"email": address, "roles": ["consumer"]}, timeout=30
    ).json()["user"]
    statement = requests.get(
        f"{exchange.base_url}/usage/statement", params={"user_id": user["id"]}, timeout=30
    ).json()
    return [line["prompt_tokens"] + line["completion_tokens"] for line in statement["entries"]]


def reconcile(page: Page) -> None:
    """As often as it takes: the site asks one that did not answer again after a pause, and says so."""
    for _try in range(20):
        with page.expect_response(re.compile("/reconciliation/run/")):
            page.get_by_role("button", name="Reconcile now").click()
        if page.get_by_role("heading", name="The books agree").is_visible():
            return
        page.wait_for_timeout(1000)
    raise AssertionError("the books were never found to agree")


@pytest.mark.provokes(503)
def test_nothing_is_lost_and_nothing_is_counted_twice(page: Page, place: Place) -> None:
    site, address = place.site, "sailor@example.com"
    arrive(page, site, address)
    become_provider(page, site, "Sailor Works")
    record(page, site, prompt=100, completion=1, memo="before")
    expect(page.locator("main")).to_contain_text("The Exchange has counted them.")

    page.goto(f"{site.base_url}/")
    expect(page.get_by_role("region", name="Your book and the Exchange")).to_contain_text("Updated")
    page.goto(f"{site.base_url}/catalog/services/")
    expect(page.get_by_role("region", name="Services").get_by_role("rowheader").first).to_be_visible()

    place.exchange.stop()
    numbers = [record(page, site, prompt=tokens, completion=0, memo="meanwhile") for tokens in (201, 202)]
    expect(page.locator("main")).to_contain_text("They are reported to the Exchange as soon as it can be")
    for path, heading in PAGES.items():
        answer = page.goto(site.base_url + path)
        assert answer is not None
        assert answer.status == 200
        expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
        expect(page.get_by_text("Exchange unreachable").locator("visible=true").first).to_be_visible()

    page.goto(f"{site.base_url}/")
    page.get_by_role("button", name="Refresh").first.click()
    snapshot = page.get_by_role("region", name="Your book and the Exchange")
    expect(snapshot).to_contain_text("Below is what it said last.")
    expect(snapshot).to_contain_text("101")

    page.goto(f"{site.base_url}/catalog/services/publish/")
    page.get_by_label("Service name").fill("sea llama")
    page.get_by_label("Model family").fill("llama-3.3-70b")
    page.get_by_label(re.compile("^Price")).fill("0.0006")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Exchange")
    expect(page.get_by_label("Service name")).to_have_value("sea llama")
    expect(page.get_by_label(re.compile("^Price"))).to_have_value("0.0006")

    address_again = urlsplit(place.exchange.base_url).netloc
    with running_exchange(place.books, address=address_again) as again:
        page.goto(f"{site.base_url}/usage/logs/")
        rows = page.locator("#log-rows").get_by_role("row")
        # the live tail says so when the worker has delivered them
        for row in range(len(numbers) + 1):
            expect(rows.nth(row).get_by_text("Delivered")).to_be_visible(timeout=60_000)
        assert counted(again, address) == [101, 201, 202]
        page.goto(f"{site.base_url}/usage/reconciliation/")
        reconcile(page)
        expect(page.get_by_text("Exchange connected").locator("visible=true").first).to_be_visible()
