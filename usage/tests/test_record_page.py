from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from catalog.choices import LONGEST_LIST
from catalog.models import Service
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import REFUSED, Wire, told
from usage.factories import make_entry
from usage.models import Delivery, LedgerEntry
from usage.tests.factories import ENTRY_ID, receipt

pytestmark = pytest.mark.django_db
URL = "/usage/record/"
SAME = ("exchange", "provider", "model_family", "price_per_1k_tokens", "price_rank", "listed_at")
TYPED = {
    "service_id": "11",
    "direction": "supply",
    "prompt_tokens": "1234",
    "completion_tokens": "567",
    "memo": "night run",
    "entry_id": str(ENTRY_ID),
}


def shows_what_was_typed(html: str) -> bool:
    service = 'value="11" selected' in html or 'name="service_id" value="11"' in html
    rest = [f'value="{TYPED[name]}"' for name in ("prompt_tokens", "completion_tokens", "memo")]
    return (
        service
        and all(text in html for text in rest)
        and 'value="supply"' in html.partition(" checked")[0][-200:]
    )


@pytest.fixture
def listed(db: None) -> None:
    """One service in the mirror. No page of this file asks the Exchange which there are."""
    make_service(provider=make_provider(number=3), number=11)


def make_many(count: int) -> None:
    seller = make_provider()
    first = make_service(provider=seller)
    fields = {name: getattr(first, name) for name in SAME}
    Service.objects.bulk_create(
        Service(remote_id=first.remote_id + number, name=f"S{number}", **fields) for number in range(1, count)
    )


def state() -> str:
    return Delivery.objects.get().state


def after(client: Client) -> str:
    """The page to which a person is led."""
    return client.get("/usage/logs/1/").content.decode()


def keys_sent(wire: Wire) -> list[str]:
    return [
        call.request.headers["Idempotency-Key"] for call in wire.calls if call.request.path_url == "/usage"
    ]


def test_it_asks_for_a_sign_in(client: Client, wire: Wire) -> None:
    came_from = {"HTTP_REFERER": f"http://testserver{URL}"}
    assert client.post(URL, TYPED, **came_from)["Location"] == f"/accounts/login/?next={URL}"
    assert len(wire.calls) == 0


def test_it_offers_the_services_and_chooses_the_one_come_from(wire: Wire, signed_in: Client) -> None:
    seller = make_provider(number=3)
    make_service(provider=seller, number=11)
    make_service(provider=seller, number=12, name="o3")
    html = signed_in.get(URL, {"service": "12"}).content.decode()
    assert len(wire.calls) == 0
    assert '<optgroup label="Northwind">' in html
    assert '<option value="12" selected>o3</option>' in html


@pytest.mark.parametrize("service", ["", "x", "-1", "1e3", "٣", "\x00", "9" * 400])
def test_an_address_that_names_no_service_chooses_none(
    wire: Wire, signed_in: Client, service: str, listed: None
) -> None:
    page = signed_in.get(URL, {"service": service})
    assert page.status_code == 200
    assert '<option value="" selected>' in page.content.decode()


@pytest.mark.parametrize("many", [0, LONGEST_LIST + 1])
def test_where_there_is_no_list_or_too_long_a_one_the_number_can_be_typed(
    wire: Wire, signed_in: Client, many: int
) -> None:
    if many:
        make_many(many)
    page = signed_in.get(URL, {"service": "12"})
    assert page.status_code == 200
    assert 'name="service_id" value="12"' in page.content.decode()


def test_it_records_delivers_and_leads_to_the_entry(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", receipt(account), status=201)
    response = signed_in.post(URL, TYPED)
    entry = LedgerEntry.objects.get()
    assert (response.status_code, response["Location"]) == (302, "/usage/logs/1/")
    assert (entry.entry_id, entry.source, entry.memo, entry.total_tokens) == (
        ENTRY_ID,
        "page",
        "night run",
        1801,
    )
    assert not entry.occurred_at_given
    (sent,) = wire.sent("/usage")
    assert (sent["prompt_tokens"], sent["direction"], sent["user_id"]) == (
        1234,
        "supply",
        account.exchange_user_id,
    )
    assert keys_sent(wire) == [entry.hash]
    assert state() == "delivered"
    assert "Recorded: 1,801 tokens. The Exchange has counted them." in after(signed_in)


def test_the_same_page_sent_twice_records_once(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", receipt(account), status=201)
    signed_in.post(URL, TYPED)
    after(signed_in)
    assert signed_in.post(URL, TYPED)["Location"] == "/usage/logs/1/"
    assert LedgerEntry.objects.count() == 1
    assert len(wire.sent("/usage")) == 1
    assert "These 1,801 tokens were recorded before. Nothing was recorded twice." in after(signed_in)


def test_other_figures_under_a_number_that_was_used_get_a_new_one(
    wire: Wire, signed_in: Client, account: ExchangeAccount, listed: None
) -> None:
    make_entry(account=account, entry_id=ENTRY_ID, prompt_tokens=1)
    page = signed_in.post(URL, TYPED)
    html = page.content.decode()
    assert page.status_code == 409
    assert "Another entry was recorded under this id" in html
    assert "Press Record again only if these figures are to be recorded as well." in html
    assert 'href="/usage/logs/1/"' in html
    assert shows_what_was_typed(html)
    assert str(ENTRY_ID) not in html
    assert LedgerEntry.objects.count() == 1


def test_every_detail_is_recorded(wire: Wire, signed_in: Client, account: ExchangeAccount) -> None:
    wire.is_down()
    signed_in.cookies["tz"] = "Asia/Shanghai"
    details = {
        "occurred_at": "2026-01-31T09:41:05",
        "cached_tokens": "1000",
        "reasoning_tokens": "0",
        "evidence": "estimated",
    }
    assert signed_in.post(URL, {**TYPED, **details}).status_code == 302
    entry = LedgerEntry.objects.get()
    assert entry.occurred_at == datetime(2026, 1, 31, 1, 41, 5, tzinfo=UTC)
    assert entry.occurred_at_given
    assert (entry.cached_tokens, entry.reasoning_tokens, entry.evidence) == (1000, 0, "estimated")


def test_nobody_can_record_for_another_account(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    other = make_account()
    wire.is_down()
    signed_in.post(URL, {**TYPED, "user_id": str(other.exchange_user_id), "account": str(other.pk)})
    assert LedgerEntry.objects.get().account == account


def test_a_refusal_by_the_exchange_keeps_the_entry_and_shows_each_rule(wire: Wire, signed_in: Client) -> None:
    wire.answers("POST", "/usage", REFUSED, status=400)
    assert signed_in.post(URL, TYPED).status_code == 302
    assert state() == "rejected"
    html = after(signed_in)
    assert "Recorded in your book: 1,801 tokens. The Exchange refused to count them" in html
    assert all(f"<code>{rule['id']}</code>" in html for rule in REFUSED["rules"])


def test_without_the_exchange_it_is_recorded_and_waits(wire: Wire, signed_in: Client) -> None:
    wire.is_down()
    assert signed_in.post(URL, TYPED).status_code == 302
    assert state() == "pending"
    html = after(signed_in)
    assert "Recorded: 1,801 tokens. They are reported to the Exchange as soon as it can be reached." in html


def test_while_the_exchange_is_known_to_be_away_nobody_waits_for_it(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    account.exchange.failed_at, account.exchange.failure = timezone.now(), "connection refused"
    account.exchange.save()
    assert signed_in.post(URL, TYPED).status_code == 302
    assert state() == "pending"
    assert len(wire.calls) == 0


@pytest.mark.parametrize("answer", [requests.ConnectionError("reset"), requests.ReadTimeout()])
def test_a_lost_answer_is_said_as_such_and_not_repeated(
    wire: Wire, signed_in: Client, answer: Exception
) -> None:
    wire.answers("POST", "/usage", answer)
    assert signed_in.post(URL, TYPED).status_code == 302
    assert state() == "uncertain"
    html = after(signed_in)
    assert "Whether the Exchange has counted them is not known" in html
    assert "Did the Exchange count it?" in html
    assert len(keys_sent(wire)) == 1


@pytest.mark.parametrize(
    ("field", "label", "text"),
    [
        ("prompt_tokens", "Prompt tokens", "-1"),
        ("prompt_tokens", "Prompt tokens", "1e999"),
        ("prompt_tokens", "Prompt tokens", str(10**30)),
        ("completion_tokens", "Completion tokens", ""),
        ("completion_tokens", "Completion tokens", "many"),
        ("memo", "Memo", "a\x00b"),
        ("service_id", "Service", "x"),
        ("service_id", "Service", ""),
        ("occurred_at", "When", "yesterday"),
        ("occurred_at", "When", "2999-01-01T00:00"),
        ("occurred_at", "When", "1999-12-31T00:00"),
        ("cached_tokens", "Cached tokens", "1235"),
        ("reasoning_tokens", "Reasoning tokens", "-1"),
        ("evidence", "Where the figures come from", "guessed"),
    ],
)
def test_nonsense_names_the_field_and_is_not_recorded(
    wire: Wire, signed_in: Client, field: str, label: str, text: str, listed: None
) -> None:
    page = signed_in.post(URL, {**TYPED, field: text})
    assert page.status_code == 422
    assert f'<a href="#id_{field}">{label}</a>' in page.content.decode()
    assert wire.sent("/usage") == []
    assert not LedgerEntry.objects.exists()


def test_an_unknown_direction_is_not_recorded(wire: Wire, signed_in: Client, listed: None) -> None:
    page = signed_in.post(URL, {**TYPED, "direction": "buy"})
    assert page.status_code == 422
    assert ">Direction</a>" in page.content.decode()
    assert wire.sent("/usage") == []
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("number", ["", "1", "\x00"])
def test_a_page_that_lost_its_number_is_to_be_loaded_again(
    wire: Wire, signed_in: Client, number: str, listed: None
) -> None:
    page = signed_in.post(URL, {**TYPED, "entry_id": number})
    assert page.status_code == 422
    assert "Reload the page" in page.content.decode()
    assert wire.sent("/usage") == []
    assert not LedgerEntry.objects.exists()


def test_an_empty_post_is_told_what_is_missing(wire: Wire, signed_in: Client, listed: None) -> None:
    page = signed_in.post(URL)
    assert page.status_code == 422
    assert page.content.decode().count("This field is required.") >= 4


def test_an_account_that_waits_is_registered_first(wire: Wire, client: Client) -> None:
    waiting = make_account(registered=False)
    client.force_login(waiting.user)
    wire.answers("POST", "/users", told(waiting, id=77))
    wire.answers("POST", "/usage", b"")
    assert client.post(URL, TYPED).status_code == 302
    assert [sent["user_id"] for sent in wire.sent("/usage")] == [77]
    assert state() == "delivered"


def test_an_account_that_cannot_be_registered_records_all_the_same(wire: Wire, client: Client) -> None:
    waiting = make_account(registered=False)
    client.force_login(waiting.user)
    wire.is_down()
    assert client.post(URL, TYPED).status_code == 302
    assert state() == "pending"


def test_what_it_says_of_the_book_is_true(wire: Wire, signed_in: Client) -> None:
    html = signed_in.get(URL).content.decode()
    assert "cannot be edited; a mistake is taken back by a reversal" in html


def test_other_methods_are_refused(signed_in: Client) -> None:
    assert signed_in.put(URL).status_code == 405


def test_its_queries(
    wire: Wire, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_many(100)
    # 1 session, 2 user, 3 the account, 4 the services to choose from, 5 those that were recorded lately,
    # 6 whether the last reconciliation is to be warned of
    with django_assert_num_queries(6):
        signed_in.get(URL)
    assert len(wire.calls) == 0
