from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.kept import fetched, keep_provider, keep_service
from catalog.tests.wire import Wire
from usage import ledger
from usage.factories import make_draft, make_entries, make_entry

pytestmark = pytest.mark.django_db
URL = "/usage/"
HTMX = {"HTTP_HX_REQUEST": "true"}
NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(wire: Wire) -> Iterator[None]:
    """It is always this moment, and whatever the page shows, the Exchange is not asked."""
    wire.is_down()
    with time_machine.travel(NOW, tick=False):
        yield
    assert len(wire.calls) == 0


@pytest.fixture
def ada(client: Client, account: ExchangeAccount) -> Client:
    """A browser in which the owner of ``account`` is signed in, at that moment."""
    client.force_login(account.user)
    return client


def html_of(ada: Client, **query: Any) -> str:
    page = ada.get(URL, query)
    assert page.status_code == 200
    return page.content.decode()


def text_of(html: str) -> str:
    """What a person reads of the page's own part."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def test_it_asks_for_a_sign_in(client: Client) -> None:
    assert client.get(URL)["Location"] == "/accounts/login/?next=/usage/"


def test_it_is_read_only(ada: Client) -> None:
    assert ada.post(URL).status_code == 405


def test_it_shows_the_sums_of_thirty_days_against_those_before(ada: Client, account: ExchangeAccount) -> None:
    keep_service(7, price="0.005")
    make_entry(account=account, service_id=7, prompt_tokens=3_000_000, completion_tokens=0, occurred_at=NOW)
    make_entry(
        account=account,
        service_id=7,
        prompt_tokens=2_000_000,
        completion_tokens=0,
        occurred_at=NOW - 30 * DAY,
    )
    make_entry(
        account=account,
        service_id=7,
        direction="supply",
        prompt_tokens=1_000_000,
        completion_tokens=0,
        occurred_at=NOW,
    )
    text = text_of(html_of(ada))
    assert "Consumed 3.00M 3,000,000 tokens ▲ 50.0 % + 1.00M 1,000,000 tokens" in text
    assert "Supplied 1.00M 1,000,000 tokens from nothing" in text
    assert "Net supplied minus consumed −2.00M −2,000,000 tokens as before" in text
    assert "Cost $15.00 $15.00 USD ▲ 50.0 % + $5.00 $5.00 USD" in text
    assert "Revenue $5.00 $5.00 USD from nothing" in text
    assert "of the same length: 25 Sep 2026 06:00 to 25 Oct 2026 00:00 UTC" in text


def test_tokens_without_a_price_are_mentioned(ada: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=99, prompt_tokens=4000, completion_tokens=812, occurred_at=NOW)
    assert "4,812 tokens have no known price and are in no cost." in html_of(ada)


def test_it_has_a_chart_and_the_same_numbers_as_a_table(ada: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=NOW)
    html = html_of(ada, period="7d")
    assert html.count('<a class="bar-of"') == 7
    assert "23 Nov 2026\nConsumed: 1,500\nSupplied: 0</title>" in html
    rows = re.findall(r'<th scope="row">(?:<a [^>]+>)?(\d+ Nov 2026)', html.partition("<details")[2])
    assert rows == [f"{day} Nov 2026" for day in range(17, 24)]


def test_every_breakdown_leads_to_its_entries(ada: Client, account: ExchangeAccount) -> None:
    key = ApiKey.objects.create(user=account.user, label="nightly")
    keep_service(7, name="Sonnet", family="claude & co", provider=keep_provider(3, "Northwind"))
    make_entry(account=account, service_id=7, occurred_at=NOW, api_key=key)
    html = html_of(ada, period="24h")
    within = "since=2026-11-22T18%3A00%3A00Z&amp;until=2026-11-23T18%3A00%3A00Z"
    for narrowed, name in (
        ("service=7", "Sonnet"),
        ("provider=3", "Northwind"),
        ("family=claude+%26+co", "claude &amp; co"),
        (f"key={key.pk}", "nightly"),
        ("direction=consume", "Consumed"),
    ):
        assert f'href="/usage/logs/?{narrowed}&amp;{within}" title="{name}">{name}</a>' in html


def test_filters_are_in_the_address_and_can_be_taken_off(ada: Client, account: ExchangeAccount) -> None:
    keep_service(7, name="Sonnet")
    make_entry(account=account, service_id=7, occurred_at=NOW)
    make_entry(account=account, service_id=8, prompt_tokens=70_000, occurred_at=NOW)
    html = html_of(ada, service="7", direction="consume", period="7d")
    assert "1,500 tokens" in html
    assert "70,300 tokens" not in html
    assert 'href="/usage/?period=7d&amp;direction=consume" hx-get' in html
    assert 'href="/usage/?period=90d&amp;direction=consume&amp;service=7"' in html
    assert 'title="Without Sonnet"' in html


def test_a_filter_that_cannot_be_meant_is_said_to_be_left_aside(
    ada: Client, account: ExchangeAccount
) -> None:
    make_entry(account=account, occurred_at=NOW)
    html = html_of(ada, service="x'--", direction="both")
    assert "Left aside, because it cannot be understood: direction, service." in html


def test_a_filter_is_named_although_nothing_of_it_fell_into_the_period(
    ada: Client, account: ExchangeAccount
) -> None:
    keep_service(7, name="Sonnet")
    make_entry(account=account, service_id=7, occurred_at=NOW - 80 * DAY)
    html = html_of(ada, service="7")
    assert 'title="Without Sonnet"' in html
    assert "Nothing that fits these filters." in html


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"period": "24h"}, "22 Nov 2026 to 23 Nov 2026 18:00–18:00 UTC"),
        ({"period": "90d"}, "26 Aug 2026 to 23 Nov 2026"),
        ({"period": "month"}, "1 Nov 2026 to 30 Nov 2026 ‹ October 2026"),
        ({"month": "2026-10"}, "1 Oct 2026 to 31 Oct 2026 ‹ September 2026 November 2026 ›"),
        ({"since": "2026-10-02", "until": "2026-10-02"}, "2 Oct 2026"),
    ],
)
def test_each_period_says_which_days_it_is(
    ada: Client, account: ExchangeAccount, query: dict[str, str], shown: str
) -> None:
    make_entry(account=account, occurred_at=NOW)
    assert shown in text_of(html_of(ada, **query))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"since": "2026-02-30", "until": "2026-10-02"}, "From: Give a day as 2026-10-31"),
        ({"since": "2026-10-05", "until": "2026-10-02"}, "To: The last day lies before the first"),
        ({"period": "fortnight"}, "Period: Choose one of the periods"),
        ({"month": "2027-01"}, "Month: Give a month as 2026-10"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_is_no_period_is_refused_and_kept(
    ada: Client, account: ExchangeAccount, query: dict[str, str], said: str, headers: dict[str, str]
) -> None:
    make_entry(account=account, occurred_at=NOW)
    page = ada.get(URL, {**query, "service": "7"}, **headers)
    html = page.content.decode()
    assert page.status_code == 400
    assert said in " ".join(re.sub(r"<[^>]+>", " ", html).split()).replace(" :", ":")
    for name in ("since", "until"):
        assert f'value="{query.get(name, "")}"' in html
    assert '<input type="hidden" name="service" value="7">' in html
    assert 'class="figure"' not in html


def test_nothing_at_all_is_a_sentence_and_the_next_step(ada: Client) -> None:
    html = html_of(ada)
    assert "Nothing is in your book yet" in html
    assert 'class="figure"' not in html


def test_nothing_in_the_period_is_said_with_what_was_before(ada: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=NOW - 10 * DAY)
    text = text_of(html_of(ada, period="7d"))
    assert "Nothing was recorded in this time" in text
    assert "▼ 100.0 %" in text


def test_only_the_largest_rows_are_shown_until_all_are_asked_for(
    ada: Client, account: ExchangeAccount
) -> None:
    make_entries(account, [make_draft(service_id=n, occurred_at=NOW) for n in range(1, 41)])
    cut = html_of(ada)
    assert len(re.findall(r">Service \d+</a>", cut)) == 10
    assert 'href="/usage/?period=30d&amp;all=service#by-service"' in cut
    assert len(re.findall(r">Service \d+</a>", html_of(ada, all="service"))) == 40


def test_what_was_taken_back_is_in_no_sum(ada: Client, account: ExchangeAccount) -> None:
    entry = make_entry(account=account, occurred_at=NOW, prompt_tokens=77_000)
    ledger.reverse(account, entry.seq, reason="twice", source="page")
    assert "77,300" not in html_of(ada)


def test_it_shows_nobody_elses(ada: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=NOW)
    make_entry(occurred_at=NOW, prompt_tokens=987_654)
    elsewhere = make_account(user=account.user, exchange=make_exchange(base_url="http://other.test"))
    make_entry(account=elsewhere, occurred_at=NOW, prompt_tokens=876_543)
    html = html_of(ada)
    assert "987,9" not in html
    assert "876,8" not in html


def test_names_that_others_chose_are_escaped(ada: Client, account: ExchangeAccount) -> None:
    provider = keep_provider(3, "<script>alert(1)</script>")
    keep_service(7, name='"><img src=x>' + "长" * 200, family="<b>", provider=provider)
    make_entry(account=account, service_id=7, occurred_at=NOW)
    html = html_of(ada)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "<b>&" not in html


def test_days_are_utc_wherever_the_person_is(ada: Client, account: ExchangeAccount) -> None:
    ada.cookies["tz"] = "Pacific/Auckland"
    make_entry(account=account, occurred_at=datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
    html = html_of(ada, since="2026-11-16", until="2026-11-22")
    assert "22 Nov 2026\nConsumed: 1,500" in html
    assert "Days and hours are UTC." in html


def test_htmx_gets_the_part_and_its_address(ada: Client, account: ExchangeAccount) -> None:
    make_entry(account=account, occurred_at=NOW)
    page = ada.get(URL, {"period": "7d"}, **HTMX)
    html = page.content.decode()
    assert "<html" not in html
    assert html.lstrip().startswith('<section class="results usage" id="results"')
    assert 'data-announce="17 Nov 2026 to 23 Nov 2026"' in html
    assert page["HX-Push-Url"] == "/usage/?period=7d"
    assert "HX-Request" in page["Vary"]


def test_the_back_button_gets_the_whole_page(ada: Client) -> None:
    page = ada.get(URL, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<html" in page.content.decode()


def test_a_quarter_of_forty_services_fits_the_wire(ada: Client, account: ExchangeAccount) -> None:
    make_entries(
        account,
        [make_draft(service_id=n % 40 + 1, occurred_at=NOW - DAY * (n % 90)) for n in range(360)],
    )
    page = ada.get(URL, {"period": "90d"}, HTTP_ACCEPT_ENCODING="gzip")
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < 20_000


@pytest.mark.parametrize("many", [1, 60])
def test_its_queries(
    ada: Client,
    account: ExchangeAccount,
    django_assert_num_queries: DjangoAssertNumQueries,
    many: int,
) -> None:
    fetched()
    key = ApiKey.objects.create(user=account.user, label="nightly")
    for number in range(1, 6):
        keep_service(number, provider=keep_provider(number), price=f"0.00{number}")
    drafts = [make_draft(service_id=n % 5 + 1, occurred_at=NOW - DAY * (n % 25)) for n in range(many)]
    make_entries(account, drafts, api_key=key)
    # 1 session, 2 user, 3 account; 4 by day, 5 the time before, 6 by service, provider, family and key;
    # names of 7 services, 8 providers, 9 keys; lock-in: 10 how old the catalogue is, 11 the services used,
    # 12 how families are spelt, 13 their lowest prices, 14 who has them, 15 those; 16 an open difference
    with django_assert_num_queries(16):
        ada.get(URL)
    # 12 to 14 are kept for this catalogue
    with django_assert_num_queries(13):
        ada.get(URL)
