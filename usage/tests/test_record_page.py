from __future__ import annotations

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
from usage.tests.factories import ENTRY_ID, receipt, totals

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


def test_it_records_and_says_so(wire: Wire, signed_in: Client, account: ExchangeAccount) -> None:
    wire.answers("POST", "/usage", receipt(account), status=201)
    wire.totals(totals(9_876))
    response = signed_in.post(URL, TYPED)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert wire.sent("/usage") == [
        {
            "user_id": account.exchange_user_id,
            "service_id": 11,
            "prompt_tokens": 1234,
            "completion_tokens": 567,
            "direction": "supply",
            "memo": "night run",
        }
    ]
    assert keys_sent(wire) == [str(ENTRY_ID)]
    html = signed_in.get("/").content.decode()
    assert "Recorded: 1,801 tokens." in html
    assert "9,876 tokens" in html  # the page is right without JavaScript too
    assert len(wire.calls) == 2  # the report, and the totals after it


def test_what_the_exchange_had_counted_before_is_said_to_be(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    account.exchange.idempotency_proved_at = timezone.now()
    account.exchange.save()
    wire.answers("POST", "/usage", receipt(account), status=200)
    wire.totals(totals())
    signed_in.post(URL, TYPED)
    html = signed_in.get("/").content.decode()
    assert "These 1,801 tokens were recorded before. Nothing was counted twice." in html


def test_nobody_can_report_for_another_account(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    other = make_account()
    wire.answers("POST", "/usage", b"")
    signed_in.post(URL, {**TYPED, "user_id": str(other.exchange_user_id), "account": str(other.pk)})
    assert [sent["user_id"] for sent in wire.sent("/usage")] == [account.exchange_user_id]


def test_a_service_that_is_not_listed_is_for_the_exchange_to_judge(
    wire: Wire, signed_in: Client, listed: None
) -> None:
    wire.answers("POST", "/usage", {"error": "There is no service 99."}, status=404)
    page = signed_in.post(URL, {**TYPED, "service_id": "99"})
    assert page.status_code == 422
    assert "There is no service 99." in page.content.decode()
    assert '<option value="99" selected>#99</option>' in page.content.decode()


def test_a_refusal_shows_each_rule_and_keeps_what_was_typed(
    wire: Wire, signed_in: Client, listed: None
) -> None:
    wire.answers("POST", "/usage", REFUSED, status=400)
    page = signed_in.post(URL, TYPED)
    html = page.content.decode()
    assert page.status_code == 422
    assert all(f"<code>{rule['id']}</code>" in html for rule in REFUSED["rules"])
    assert shows_what_was_typed(html)
    # nothing was counted, so the page keeps its number
    assert f'value="{ENTRY_ID}"' in html


def test_without_the_exchange_nothing_is_recorded_and_what_was_typed_stays(
    wire: Wire, signed_in: Client
) -> None:
    wire.is_down()
    page = signed_in.post(URL, TYPED)
    assert page.status_code == 503
    assert "The Exchange cannot be reached" in page.content.decode()
    assert shows_what_was_typed(page.content.decode())


def test_too_many_requests_is_not_a_refusal(wire: Wire, signed_in: Client, listed: None) -> None:
    wire.answers("POST", "/usage", {"error": "Slower."}, status=429, headers={"Retry-After": "30"})
    page = signed_in.post(URL, TYPED)
    assert page.status_code == 503
    assert "Try again in 30 s." in page.content.decode()


@pytest.mark.parametrize("answer", [requests.ConnectionError("reset"), requests.ReadTimeout()])
def test_a_lost_answer_is_said_as_such_and_not_repeated(
    wire: Wire, signed_in: Client, answer: Exception, listed: None
) -> None:
    wire.answers("POST", "/usage", answer)
    page = signed_in.post(URL, TYPED)
    html = page.content.decode()
    assert page.status_code == 504
    assert "It is not known whether the Exchange" in html
    assert shows_what_was_typed(html)
    assert keys_sent(wire) == [str(ENTRY_ID)]
    # pressed again, it goes out under the same number
    assert f'value="{ENTRY_ID}"' in html


@pytest.mark.parametrize("status", [500, 502, 503, 304])
def test_trouble_at_the_exchange_is_no_refusal(
    wire: Wire, signed_in: Client, status: int, listed: None
) -> None:
    wire.answers("POST", "/usage", {"error": "Trouble."}, status=status)
    assert signed_in.post(URL, TYPED).status_code == 504
    assert len(keys_sent(wire)) == 1


def test_where_idempotency_is_proved_a_lost_answer_is_asked_for_again_under_the_same_number(
    wire: Wire, signed_in: Client, account: ExchangeAccount
) -> None:
    wire.answers("POST", "/usage", receipt(account))
    signed_in.post(URL, TYPED)
    wire.reset()
    wire.answers("POST", "/usage", requests.ConnectionError("reset"))
    wire.answers("POST", "/usage", receipt(account))
    assert signed_in.post(URL, TYPED).status_code == 302
    assert keys_sent(wire) == [str(ENTRY_ID)] * 2


def test_other_figures_under_a_number_that_was_used_get_a_new_one(
    wire: Wire, signed_in: Client, listed: None
) -> None:
    wire.answers("POST", "/usage", {"error": "This key was used for another report."}, status=409)
    page = signed_in.post(URL, TYPED)
    html = page.content.decode()
    assert page.status_code == 409
    assert "This key was used for another report." in html
    assert "Press Record again only if these are to be counted as well." in html
    assert shows_what_was_typed(html)
    assert str(ENTRY_ID) not in html


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
    ],
)
def test_nonsense_names_the_field_and_is_not_sent(
    wire: Wire, signed_in: Client, field: str, label: str, text: str, listed: None
) -> None:
    page = signed_in.post(URL, {**TYPED, field: text})
    assert page.status_code == 422
    assert f'<a href="#id_{field}">{label}</a>' in page.content.decode()
    assert wire.sent("/usage") == []


def test_an_unknown_direction_is_not_sent(wire: Wire, signed_in: Client, listed: None) -> None:
    page = signed_in.post(URL, {**TYPED, "direction": "buy"})
    assert page.status_code == 422
    assert ">Direction</a>" in page.content.decode()
    assert wire.sent("/usage") == []


@pytest.mark.parametrize("number", ["", "1", "\x00"])
def test_a_page_that_lost_its_number_is_to_be_loaded_again(
    wire: Wire, signed_in: Client, number: str, listed: None
) -> None:
    page = signed_in.post(URL, {**TYPED, "entry_id": number})
    assert page.status_code == 422
    assert "Reload the page" in page.content.decode()
    assert wire.sent("/usage") == []


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
    assert keys_sent(wire) == [str(ENTRY_ID)]


def test_other_methods_are_refused(signed_in: Client) -> None:
    assert signed_in.put(URL).status_code == 405


def test_its_queries(
    wire: Wire, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_many(100)
    # 1 session, 2 user, 3 the account, 4 the services to choose from
    with django_assert_num_queries(4):
        signed_in.get(URL)
    assert len(wire.calls) == 0
    wire.answers("POST", "/usage", b"")
    wire.totals(totals())
    # 1 session, 2 user, 3 the account, 4 how the Exchange did, 5 to 10 the new totals, 11 to 13 the message
    with django_assert_num_queries(13):
        signed_in.post(URL, TYPED)
