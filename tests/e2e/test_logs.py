"""The book as it grows: recorded by hand and by programs, looked at, taken back, and taken away as a file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.api_callers import key_of, signed_in
from tests.e2e.conftest import arrive, record
from tests.site_process import SiteProcess


def program(site: SiteProcess, address: str) -> dict[str, str]:
    """The headers of a program of this person's."""
    made = key_of(site, signed_in(site, address), "importer", ["record"])
    return {"Authorization": f"Bearer {made['secret']}"}


def tell(site: SiteProcess, headers: dict[str, str], *memos: str) -> None:
    entries = [
        {"service_id": 2, "prompt_tokens": 20, "completion_tokens": 3, "direction": "consume", "memo": memo}
        for memo in memos
    ]
    answer = requests.post(
        f"{site.base_url}/api/v1/usage", json={"entries": entries}, headers=headers, timeout=30
    )
    answer.raise_for_status()


def download(page: Page, link: str, folder: Path) -> str:
    with page.expect_download() as downloading:
        page.get_by_role("link", name=link, exact=True).click()
    path = folder / downloading.value.suggested_filename
    downloading.value.save_as(path)
    return path.read_text(encoding="utf-8-sig")


@pytest.mark.usefixtures("worker")
def test_what_a_program_records_turns_up_by_itself_and_is_delivered(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "watcher@example.com")
    record(page, site, prompt=1, completion=1, memo="by hand")
    headers = program(site, "watcher@example.com")
    page.goto(f"{site.base_url}/usage/logs/")
    rows = page.locator("#log-rows").get_by_role("row")
    expect(rows).to_have_count(1)
    page.get_by_label("Search memos").focus()
    tell(site, headers, "call 1", "call 2")
    expect(rows).to_have_count(3)
    expect(page.locator("#announcer")).to_have_text("2 new entries")
    # the newest is at the top, in time and number both
    expect(rows.first).to_contain_text("call 2")
    expect(rows.first.get_by_text("Delivered")).to_be_visible(timeout=15_000)
    # nobody who reads or types is disturbed
    expect(page.get_by_label("Search memos")).to_be_focused()

    page.get_by_role("button", name="Pause live tail").click()
    expect(page.get_by_text("Paused")).to_be_visible()
    tell(site, headers, "call 3")
    with page.expect_response(lambda response: "/usage/logs/tail/" in response.url):
        page.get_by_role("button", name="Resume live tail").click()
    expect(rows).to_have_count(4)


def test_an_entry_is_looked_at_taken_back_and_both_are_in_the_files(
    page: Page, site: SiteProcess, tmp_path: Path
) -> None:
    arrive(page, site, "clerk@example.com")
    first = record(page, site, prompt=1200, completion=300, memo="=SUM(A1) nightly")
    expect(page.locator("main")).to_contain_text("Recorded: 1,500 tokens.")
    digest = page.get_by_role("region", name="Its place in the chain").get_by_role("code").first.inner_text()
    page.get_by_text("Take it back").click()
    page.get_by_label("Reason").fill("typed twice")
    page.get_by_role("button", name="Reverse this entry").click()
    expect(page.locator("main")).to_contain_text(f"entry {first} is taken back by entry {first + 1}")
    record(page, site, prompt=70, completion=5, memo="support 翻译")

    page.goto(f"{site.base_url}/usage/logs/")
    lines = [json.loads(line) for line in download(page, "JSON lines", tmp_path).splitlines()]
    assert [(line["seq"], line["counts"], line["total_tokens"]) for line in lines] == [
        (first + 2, 1, 75),
        (first + 1, -1, 1500),
        (first, 1, 1500),
    ]
    assert lines[1]["reverses_seq"] == first
    assert lines[2]["memo"] == "=SUM(A1) nightly"
    assert lines[2]["hash"].startswith(digest[:8])
    assert [line["delivery"] for line in lines] == ["delivered", "local", "delivered"]

    page.get_by_label("Search memos").fill("翻译")
    expect(page.locator("#log-rows").get_by_role("row")).to_have_count(1)
    (line,) = csv.DictReader(io.StringIO(download(page, "CSV", tmp_path)))
    assert (line["seq"], line["memo"], line["total_tokens"]) == (str(first + 2), "support 翻译", "75")
    page.get_by_role("link", name="Clear the filters").first.click()
    expect(page.locator("#log-rows").get_by_role("row")).to_have_count(3)
    *_rest, oldest = csv.DictReader(io.StringIO(download(page, "CSV", tmp_path)))
    # a spreadsheet must not calculate what somebody wrote
    assert oldest["memo"] == "'=SUM(A1) nightly"
