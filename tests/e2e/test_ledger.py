"""A person keeps books: records, sees it counted, takes it back, reconciles, and takes evidence away."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import arrive, record
from tests.site_process import SiteProcess


def test_from_an_entry_to_the_evidence_for_it(page: Page, site: SiteProcess, tmp_path: Path) -> None:
    arrive(page, site, "books@example.com")
    record(page, site, prompt=1200, completion=300, memo="nightly batch 翻译")
    expect(page.locator("main")).to_contain_text("Recorded: 1,500 tokens. The Exchange has counted them.")
    expect(page.locator("main")).to_contain_text("Delivered")

    page.get_by_text("Take it back").click()
    page.get_by_label("Reason").fill("typed twice")
    page.get_by_role("button", name="Reverse this entry").click()
    expect(page.locator("main")).to_contain_text("Reversed: entry 1 is taken back by entry 2.")

    record(page, site, prompt=700, completion=50, memo="support chat")
    page.goto(f"{site.base_url}/usage/logs/?q=翻")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("nightly batch 翻译")
    page.goto(f"{site.base_url}/usage/logs/")
    expect(page.locator("tbody tr")).to_have_count(3)

    page.goto(f"{site.base_url}/usage/")
    expect(page.locator("main")).to_contain_text("750")

    page.goto(f"{site.base_url}/usage/reconciliation/")
    page.get_by_role("button", name="Reconcile now").click()
    expect(page.get_by_role("heading", name="The books agree")).to_be_visible()

    page.goto(f"{site.base_url}/usage/evidence/")
    with page.expect_download() as download:
        page.get_by_role("button", name="Make a dispute pack").click()
    pack = tmp_path / "pack.zip"
    download.value.save_as(pack)
    with zipfile.ZipFile(pack) as members:
        digest = hashlib.sha256(members.read("manifest.json")).hexdigest()
        entries = [json.loads(line) for line in members.read("entries.jsonl").splitlines()]
        verifier = tmp_path / "verify.py"
        verifier.write_bytes(members.read("verify.py"))
    assert [entry["seq"] for entry in entries] == [1, 2, 3]
    # the digest that the person was shown is that of the pack that came down
    expect(page.locator("main")).to_contain_text(digest)
    checked = subprocess.run(
        [sys.executable, "-I", str(verifier), "--expect", digest, str(pack)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.provokes(404)
def test_nobody_sees_anothers_books(page: Page, browser: Browser, site: SiteProcess) -> None:
    arrive(page, site, "mine@example.com")
    number = record(page, site, prompt=3, completion=4, memo="secret plan")
    context = browser.new_context()
    other = context.new_page()
    arrive(other, site, "other@example.com")
    answer = other.goto(f"{site.base_url}/usage/logs/{number}/")
    assert answer is not None
    assert answer.status == 404
    other.goto(f"{site.base_url}/usage/logs/")
    expect(other.locator("body")).not_to_contain_text("secret plan")
    context.close()
