from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_exchange
from accounts.models import ExchangeAccount
from catalog.models import PriceChange
from catalog.tests.mirrored import LONG_AGO, make_mirror, make_provider, make_service, reprice
from catalog.tests.wire import Wire

pytestmark = pytest.mark.django_db
URL = "/catalog/services/11/"
HTMX = {"HTTP_HX_REQUEST": "true"}
LARGEST = str(2**53 - 1)


@pytest.fixture(autouse=True)
def _no_call(wire: Wire) -> Iterator[None]:
    """No page of this file may ask the Exchange anything."""
    wire.is_down()
    yield
    assert len(wire.calls) == 0


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(URL)["Location"] == f"/accounts/login/?next={URL}"


def test_it_shows_the_offering(signed_in: Client) -> None:
    make_mirror()
    make_service(provider=make_provider(number=3), number=11, price="0.0052", trial=20_000)
    html = signed_in.get(URL).content.decode()
    for shown in (
        "GPT-4o, EU",
        "$0.0052",
        "$5.20",
        "20,000 tokens",
        "1 Jan 2026",
        "As of",
        'href="/catalog/providers/3/"',
        'href="/catalog/compare/?family=gpt-4o"',
        'href="/usage/record/?service=11"',
    ):
        assert shown in html
    assert "/edit/" not in html


def test_a_strange_family_makes_a_sound_link(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11, family="a&b=c/d#é")
    assert "?family=a%26b%3Dc%2Fd%23%C3%A9" in signed_in.get(URL).content.decode()


def test_it_draws_what_the_price_did_and_says_it_in_a_table(signed_in: Client) -> None:
    service = make_service(provider=make_provider(), number=11, price="0.01")
    reprice(service, "0.0125", LONG_AGO + timedelta(days=10))
    html = signed_in.get(URL).content.decode()
    # one for each width, each with words for those who do not see it
    assert html.count('<svg class="picture ') == html.count("The price from 1 Jan 2026 to ") == 2
    assert "between $0.01 and $0.0125 per 1,000 tokens" in html
    assert html.index("11 Jan 2026", html.index("<table")) < html.rindex("1 Jan 2026")
    assert "+25.0\N{NO-BREAK SPACE}%" in html
    assert "first seen" in html


def test_a_service_whose_price_was_never_noted_is_shown_too(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11)
    PriceChange.objects.all().delete()
    page = signed_in.get(URL)
    assert page.status_code == 200
    assert "No price of it was seen yet." in page.content.decode()


def test_what_is_gone_is_said(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11, delisted=True)
    assert "This service is no longer offered." in signed_in.get(URL).content.decode()


def test_ones_own_can_be_edited(seller: Client, provider: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=provider.provider_id), number=11)
    assert 'href="/catalog/services/11/edit/"' in seller.get(URL).content.decode()


def test_names_are_escaped(signed_in: Client) -> None:
    make_service(provider=make_provider(name="<i>x"), number=11, name="<script>x", family="<b>x")
    html = signed_in.get(URL).content.decode()
    assert not any(text in html for text in ("<i>x", "<script>x", "<b>x"))


@pytest.mark.parametrize("number", ["12", "0", str(2**63), "9" * 40])
def test_an_unknown_number_is_not_found(signed_in: Client, number: str) -> None:
    make_service(provider=make_provider(), number=11)
    assert signed_in.get(f"/catalog/services/{number}/").status_code == 404


def test_another_exchanges_is_not_found(signed_in: Client) -> None:
    elsewhere = make_exchange(base_url="http://elsewhere.example")
    make_service(provider=make_provider(exchange=elsewhere), number=11)
    assert signed_in.get(URL).status_code == 404


# ---- what it would cost --------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, HTMX])
def test_it_works_out_the_cost_and_the_command(signed_in: Client, more: dict[str, str]) -> None:
    make_service(provider=make_provider(), number=11, price="0.0007")
    page = signed_in.get(URL, {"prompt_tokens": "1234", "completion_tokens": "66"}, **more)
    html = page.content.decode()
    assert "$0.00091" in html
    command = "python manage.py record_usage --service-id 11 --prompt-tokens 1234 --completion-tokens 66"
    assert f">{command}<" in html
    assert f'data-copy="{command}"' in html
    entry = '{"service_id": 11, "prompt_tokens": 1234, "completion_tokens": 66, "direction": "consume"}'
    request = (
        'curl http://testserver/api/v1/usage \\\n  -H "Authorization: Bearer $GATEWAY_KEY" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d '{entry}'"
    )
    assert escape(request) in html
    assert f'data-copy="{escape(request)}"' in html
    assert ("<!doctype html>" in html) is not bool(more)
    assert "HX-Request" in page["Vary"]


def test_it_begins_with_an_example(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11, price="0.01")
    html = signed_in.get(URL).content.decode()
    assert "$0.12" in html
    assert 'value="10000"' in html


def test_the_most_that_fits_is_exact(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11, price="0.000000000001")
    html = signed_in.get(URL, {"prompt_tokens": LARGEST, "completion_tokens": LARGEST}).content.decode()
    assert "$18.014398509481982" in html


@pytest.mark.parametrize("more", [{}, HTMX])
@pytest.mark.parametrize("typed", ["", "-1", "x", "1.5", "1e9", "9" * 400, str(2**53), "\x00"])
@pytest.mark.parametrize(
    ("field", "label"), [("prompt_tokens", "Prompt tokens"), ("completion_tokens", "Completion tokens")]
)
def test_nonsense_names_its_field(
    signed_in: Client, more: dict[str, str], typed: str, field: str, label: str
) -> None:
    make_service(provider=make_provider(), number=11)
    asked = {"prompt_tokens": "5", "completion_tokens": "5", field: typed}
    page = signed_in.get(URL, asked, **more)
    html = page.content.decode()
    assert page.status_code == 200
    assert html.count(f'<a href="#id_{field}">{label}</a>') == 1
    assert html.count('<a href="#id_') == 1
    assert "record_usage" not in html


def test_after_the_back_button_it_is_the_whole_page(signed_in: Client) -> None:
    make_service(provider=make_provider(), number=11)
    page = signed_in.get(URL, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<!doctype html>" in page.content.decode()


def test_its_queries(signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    service = make_service(provider=make_provider(), number=11)
    for day in range(60):
        reprice(service, str(day), LONG_AGO + timedelta(days=day + 1))
    # 1 session, 2 user, 3 the account, 4 the service with its provider, 5 its prices,
    # 6 how old the mirror is, 7 whether the books differ
    with django_assert_num_queries(7):
        signed_in.get(URL)
    # and while one types only the first four
    with django_assert_num_queries(4):
        signed_in.get(URL, {"prompt_tokens": "1", "completion_tokens": "1"}, **HTMX)
