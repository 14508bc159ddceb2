"""Somebody who is no provider yet publishes: judged as one types, refused by a rule, then on offer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import arrive, become_provider
from tests.site_process import SiteProcess

PRICE = re.compile("^Price")


def fill(page: Page, name: str) -> None:
    page.get_by_label("Service name").fill(name)
    page.get_by_label("Model family").fill("llama-3.3-70b")
    page.get_by_label(PRICE).fill("0.0006")


def test_a_field_is_judged_as_one_types_and_the_cursor_stays(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "live@example.com")
    become_provider(page, site, "Live Works")
    price, message = page.get_by_label(PRICE), page.locator("#id_price_per_1k_tokens_message")
    price.fill("")
    price.press_sequentially("0.0x")
    expect(message).to_contain_text("Enter a number.")
    expect(price).to_be_focused()
    expect(price).to_have_value("0.0x")
    expect(price).to_have_attribute("aria-invalid", "true")
    price.press("Backspace")
    price.press_sequentially("6")
    expect(message).to_have_text("")
    expect(price).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("main")).to_contain_text("$60.00")


def test_a_double_click_publishes_once(page: Page, site: SiteProcess) -> None:
    arrive(page, site, "double@example.com")
    become_provider(page, site, "Double Works")
    fill(page, "double llama")
    page.get_by_role("button", name="Publish", exact=True).dblclick()
    expect(page).to_have_url(f"{site.base_url}/catalog/services/?mine=1")
    expect(page.locator("body")).to_contain_text("double llama is on offer.")
    expect(page.get_by_text("double llama", exact=True)).to_have_count(1)


@pytest.mark.provokes(422)
def test_a_refusal_names_its_rule_and_the_next_try_is_on_offer_and_sold(
    page: Page, site: SiteProcess
) -> None:
    arrive(page, site, "maker@example.com")
    become_provider(page, site, "Maker Works")
    fill(page, "unlimited maker")
    page.get_by_role("button", name="Publish", exact=True).click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("FORBIDDEN_WORD")
    expect(refusal).to_be_focused()
    expect(page.get_by_label("Service name")).to_have_value("unlimited maker")
    expect(page.get_by_label("Model family")).to_have_value("llama-3.3-70b")
    page.get_by_label("Service name").fill("maker llama")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("main")).to_contain_text("maker llama is on offer.")

    for direction, prompt, completion in (("Supplied", "1200", "300"), ("Consumed", "40", "2")):
        page.goto(f"{site.base_url}/usage/record/")
        page.get_by_label("Service", exact=True).select_option(label="maker llama")
        page.get_by_label(direction).check()
        page.get_by_label("Prompt tokens").fill(prompt)
        page.get_by_label("Completion tokens").fill(completion)
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_role("heading", name="maker llama")).to_be_visible()
    page.goto(f"{site.base_url}/")
    expect(page.locator("main")).to_contain_text("1,458")
