from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import ExchangeAccount
from catalog.tests.kept import fetched, keep_provider, keep_service
from usage.factories import make_entry
from usage.reporting.lock_in_panel import panel_of

pytestmark = pytest.mark.django_db


def test_it_has_a_piece_for_each_provider_and_one_for_the_rest(account: ExchangeAccount) -> None:
    for number in range(1, 5):
        keep_service(10 + number, provider=keep_provider(number), family=f"family {number}")
    panel = panel_of(account, {11: 400, 12: 300, 13: 200, 14: 100}, shown=2)
    assert [(one.share and one.share.provider, one.x, one.width) for one in panel.segments] == [
        (1, "0", "40.0"),
        (2, "40.0", "30.0"),
        (None, "70.0", "30.0"),
    ]
    assert panel.others == 2


def test_it_says_what_the_same_would_have_cost_less_elsewhere(account: ExchangeAccount) -> None:
    keep_service(11, provider=keep_provider(1), price="0.005")
    keep_service(12, provider=keep_provider(2), price="0.002")
    panel = panel_of(account, {11: 1_000_000})
    ((saving, amount),) = panel.savings
    assert (saving.alternative.number, amount, panel.saved) == (12, Decimal("3.00"), Decimal("3.00"))


def test_without_consumption_there_is_nothing_to_depend_on(account: ExchangeAccount) -> None:
    panel = panel_of(account, {})
    assert (panel.is_empty, panel.segments, panel.savings) == (True, (), ())
    assert "nothing to depend on" in panel.lock_in.sentence


def test_services_that_nobody_knows_are_said_to_be_left_out(account: ExchangeAccount) -> None:
    assert "not known here" in panel_of(account, {99: 5}).lock_in.sentence


def test_both_pages_show_it(signed_in: Client, account: ExchangeAccount) -> None:
    fetched()
    keep_service(11, provider=keep_provider(1, "Northwind"), price="0.005", name="Dear")
    keep_service(12, provider=keep_provider(2, "Lakeside"), price="0.002", name="Cheap")
    make_entry(account=account, service_id=11, prompt_tokens=1_000_000, completion_tokens=0)
    for url in ("/", "/usage/"):
        html = signed_in.get(url).content.decode().partition("Vendor lock-in")[2]
        assert "Everything comes from Northwind" in html
        assert ">Cheap</a>" in html
        assert "Lakeside: $2.00 instead of $5.00 per 1M" in html
        assert "saves $3.00" in html
        assert "100.0 %" in html
