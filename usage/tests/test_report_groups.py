from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.factories import make_account, make_exchange
from accounts.models import ApiKey, ExchangeAccount
from catalog.tests.kept import keep_provider, keep_service
from usage.factories import make_draft, make_entries, make_entry
from usage.logs.filters import LogFilters
from usage.reporting.filters import filters_of
from usage.reporting.groups import TOP, groups_of, logs_url
from usage.reporting.periods import period_of
from usage.reporting.reports import Report, report

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 17, 42, tzinfo=UTC)


def of(account: ExchangeAccount, **query: str) -> Report:
    return report(account, period_of(query, NOW), filters_of(query))


def test_each_breakdown_has_the_largest_first_by_name(account: ExchangeAccount) -> None:
    keep_service(7, name="Small", family="gpt-4o", provider=keep_provider(3, "Northwind"))
    keep_service(8, name="Large", family="llama", provider=keep_provider(4, "Lakeside"))
    key = ApiKey.objects.create(user=account.user, label="nightly")
    make_entry(account=account, service_id=7, occurred_at=NOW)
    make_entries(account, [make_draft(service_id=8, occurred_at=NOW)] * 2, api_key=key)
    groups = groups_of(account, of(account))
    assert {by: [(row.name, row.sums.tokens) for row in group.rows] for by, group in groups.items()} == {
        "service": [("Large", 3000), ("Small", 1500)],
        "provider": [("Lakeside", 3000), ("Northwind", 1500)],
        "family": [("llama", 3000), ("gpt-4o", 1500)],
        "key": [("nightly", 3000), ("No API key", 1500)],
        "direction": [("Consumed", 4500)],
    }


def test_what_nobody_knows_is_named_too(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=99, occurred_at=NOW)
    groups = groups_of(account, of(account))
    assert [group.rows[0].name for group in groups.values()] == [
        "Service 99",
        "Unknown provider",
        "Unknown family",
        "No API key",
        "Consumed",
    ]
    assert groups["service"].rows[0].cost_unknown
    assert [group.rows[0].value for group in groups.values()] == ["99", "0", None, "0", "consume"]


def test_bars_are_shares_of_all_tokens_in_two_colours(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=1, prompt_tokens=500, completion_tokens=0, occurred_at=NOW)
    make_entry(
        account=account,
        service_id=1,
        prompt_tokens=250,
        completion_tokens=0,
        direction="supply",
        occurred_at=NOW,
    )
    make_entry(account=account, service_id=2, prompt_tokens=250, completion_tokens=0, occurred_at=NOW)
    row = groups_of(account, of(account))["service"].rows[0]
    assert (row.consumed_width, row.supplied_width, row.percent_shown) == (
        "50",
        "25",
        "75.0\N{NO-BREAK SPACE}%",
    )


def test_a_share_too_small_to_tell_is_not_nothing(account: ExchangeAccount) -> None:
    make_entry(account=account, service_id=1, prompt_tokens=10**9, occurred_at=NOW)
    make_entry(account=account, service_id=2, prompt_tokens=1, completion_tokens=0, occurred_at=NOW)
    assert groups_of(account, of(account))["service"].rows[1].percent_shown == "<0.1\N{NO-BREAK SPACE}%"


def test_no_tokens_at_all_divide_nothing_by_nothing(account: ExchangeAccount) -> None:
    make_entry(account=account, prompt_tokens=0, completion_tokens=0, occurred_at=NOW)
    row = groups_of(account, of(account))["service"].rows[0]
    assert (row.percent_shown, row.consumed_width, row.cost_unknown) == ("0.0\N{NO-BREAK SPACE}%", "0", False)


def test_only_the_largest_are_shown_until_all_are_asked_for(account: ExchangeAccount) -> None:
    many = TOP + 3
    make_entries(account, [make_draft(service_id=n, occurred_at=NOW) for n in range(1, many + 1)])
    cut, whole = groups_of(account, of(account)), groups_of(account, of(account), "service")
    assert (len(cut["service"].rows), cut["service"].count, cut["service"].is_cut) == (TOP, many, True)
    assert (len(whole["service"].rows), whole["service"].is_cut) == (many, False)


def test_a_row_leads_to_exactly_its_entries(account: ExchangeAccount) -> None:
    found = of(account, period="7d", direction="consume")
    url = urlsplit(logs_url(found, service="7"))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (url.path, query) == (
        "/usage/logs/",
        {
            "service": "7",
            "direction": "consume",
            "since": "2026-11-17T00:00:00Z",
            "until": "2026-11-24T00:00:00Z",
        },
    )
    # and the logs understand it as it is meant
    form = LogFilters(query).form
    assert not form.errors
    assert form.cleaned_data["until"].end == found.period.until


def test_another_persons_key_and_another_exchanges_names_stay_hidden(account: ExchangeAccount) -> None:
    elsewhere = keep_provider(5, "Elsewhere", exchange=make_exchange(base_url="http://other.test"))
    keep_service(7, name="Not ours", provider=elsewhere)
    ApiKey.objects.create(user=make_account().user, label="theirs")
    make_entry(account=account, service_id=7, occurred_at=NOW)
    assert groups_of(account, of(account))["service"].rows[0].name == "Service 7"


def test_names_take_a_query_for_each_kind(
    account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = ApiKey.objects.create(user=account.user, label="nightly")
    make_entries(account, [make_draft(service_id=n, occurred_at=NOW) for n in range(1, 40)], api_key=key)
    found = of(account)
    # 1 services, 2 providers, 3 keys
    with django_assert_num_queries(3):
        groups_of(account, found)
