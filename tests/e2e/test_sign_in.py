"""A person signs in, in a real browser: the address, the mail, the code; and what may go wrong on the way."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import sign_in
from tests.site_process import SiteProcess

SIGN_IN_BUDGET = 40_000  # bytes on the wire, all of the page's files together
A_MINUTE = 61


def ask_for_a_code(page: Page, site: SiteProcess, address: str) -> str:
    """The code that came by mail; the page waits for it."""
    page.goto(f"{site.base_url}/accounts/login/")
    page.get_by_label("Email").fill(address)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_visible()
    return site.newest_code(address)


def enter(page: Page, code: str) -> None:
    page.get_by_label("Code").fill(code)
    page.keyboard.press("Enter")


def wrong(right: str) -> str:
    return "999999" if right.replace(" ", "") != "999999" else "888888"


def a_minute_passes(page: Page, site: SiteProcess, address: str) -> None:
    """For the browser and, in that the code was sent so long ago, for the site."""
    expect(page.get_by_role("button", name="Send another")).to_be_disabled()
    page.clock.fast_forward(A_MINUTE * 1000)
    with closing(sqlite3.connect(site.folder / "gateway.sqlite3", timeout=30)) as database, database:
        moved = database.execute(
            "UPDATE accounts_signincode SET sent_at = datetime(sent_at, ?) WHERE email = ?",
            (f"-{A_MINUTE} seconds", address),
        )
        assert moved.rowcount == 1


def test_a_stranger_signs_in_with_the_code_from_the_mail_and_out_again(page: Page, site: SiteProcess) -> None:
    sign_in(page, site, "stranger@example.com")
    expect(page).to_have_url(f"{site.base_url}/")
    expect(page.locator("body")).to_contain_text("stranger@example.com")
    # the figures come after the page, from the Exchange
    expect(page.locator("body")).to_contain_text("100,000 of 100,000")
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_label("Email")).to_be_visible()
    page.goto(f"{site.base_url}/accounts/settings/")
    expect(page.get_by_label("Email")).to_be_visible()


def test_the_page_that_was_asked_for_comes_after_the_code(page: Page, site: SiteProcess) -> None:
    page.goto(f"{site.base_url}/usage/logs/?direction=supply")
    page.get_by_label("Email").fill("wanted@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_visible()
    enter(page, site.newest_code("wanted@example.com"))
    expect(page.get_by_role("heading", name="Logs", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{site.base_url}/usage/logs/?direction=supply")


def test_the_steps_push_their_address_and_the_back_button_works(page: Page, site: SiteProcess) -> None:
    ask_for_a_code(page, site, "back@example.com")
    expect(page).to_have_url(re.compile("/accounts/verify/$"))
    page.go_back()
    expect(page.get_by_label("Email")).to_be_visible()
    page.go_forward()
    expect(page.get_by_label("Code")).to_be_visible()


@pytest.mark.provokes(422)
def test_a_wrong_code_is_said_at_the_field_and_the_right_one_still_works(
    page: Page, site: SiteProcess
) -> None:
    right = ask_for_a_code(page, site, "wrong@example.com")
    enter(page, wrong(right))
    field = page.get_by_label("Code")
    expect(page.locator("body")).to_contain_text("That code is not right. 4 more tries.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    enter(page, right)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


@pytest.mark.provokes(422)
def test_after_five_wrong_codes_the_right_one_is_worth_nothing_and_another_is(
    page: Page, site: SiteProcess
) -> None:
    page.clock.install()
    right = ask_for_a_code(page, site, "guesser@example.com")
    for told in ("4 more tries", "3 more tries", "2 more tries", "One more try", "it was the last try"):
        enter(page, wrong(right))
        expect(page.locator("body")).to_contain_text(told)
    enter(page, right)
    expect(page.locator("body")).to_contain_text("This code can no longer be used.")
    a_minute_passes(page, site, "guesser@example.com")
    page.get_by_role("button", name="Send another").click()
    expect(page.locator("body")).to_contain_text("We sent another code.")
    enter(page, site.newest_code("guesser@example.com"))
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


@pytest.mark.provokes(422)
def test_another_code_may_be_asked_for_after_a_minute_and_only_the_newest_works(
    page: Page, site: SiteProcess
) -> None:
    page.clock.install()
    first = ask_for_a_code(page, site, "patient@example.com")
    another = page.get_by_role("button", name="Send another")
    a_minute_passes(page, site, "patient@example.com")
    expect(another).to_be_enabled()
    another.click()
    expect(page.locator("body")).to_contain_text("We sent another code. Only the newest one works.")
    expect(page.locator("#announcer")).to_have_text("We sent another code. Only the newest one works.")
    expect(another).to_be_disabled()
    newest = site.newest_code("patient@example.com")
    assert newest != first
    enter(page, first)
    expect(page.locator("body")).to_contain_text("That code is not right.")
    enter(page, newest)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_the_sign_in_page_weighs_little(new_context: Callable[[], BrowserContext], site: SiteProcess) -> None:
    context = new_context()
    page = context.new_page()
    weights: list[float] = []
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    page.goto(f"{site.base_url}/accounts/login/", wait_until="networkidle")
    context.close()
    assert len(weights) >= 3, "the page, its style and its script at least"
    assert sum(weights) <= SIGN_IN_BUDGET
