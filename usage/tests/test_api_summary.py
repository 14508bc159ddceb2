"""usage/summary: the page's sums of a period, its breakdowns, and the whole book beside the Exchange's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
import time_machine

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from accounts.tests.api import Caller, person, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from usage import ledger
from usage.api.summary import SummaryQuery
from usage.factories import make_entries, make_entry
from usage.models import Chain, LedgerEntry
from usage.reporting.filters import filters_of
from usage.reporting.periods import DAYS, period_of
from usage.reporting.reports import report
from usage.tests.factories import make_snapshot

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(wire: Wire) -> Iterator[None]:
    wire.is_down()
    with time_machine.travel(NOW, tick=False):
        yield
    assert len(wire.calls) == 0


@pytest.fixture
def reader(account: ExchangeAccount) -> Caller:
    return program(account.user, "read")


def got(caller: Caller, **query: Any) -> dict[str, Any]:
    response = caller.get("/usage/summary", query)
    assert response.status_code == 200, response.content
    document: dict[str, Any] = told(response)
    return document


@pytest.fixture
def book(account: ExchangeAccount) -> ApiKey:
    """Priced and not, both directions, with a key and without, some of it long ago, one of it taken back."""
    seller = make_provider(number=3, name="Northwind")
    make_service(provider=seller, number=1, family="gpt-4o", price="0.0007", name="GPT")
    make_service(provider=seller, number=2, family="o3", price="0.000000000123", name="o3")
    key = ApiKey.objects.create(user=account.user, label="agent")
    for days in (0, 1, 8, 40, 100):
        at = NOW - timedelta(days=days, hours=1)
        make_entry(account=account, service_id=1, occurred_at=at)
        make_entry(account=account, service_id=2, occurred_at=at, source="api", api_key=key)
        make_entry(account=account, service_id=9, occurred_at=at)
        make_entry(account=account, service_id=1, occurred_at=at, direction="supply", prompt_tokens=10_000)
    ledger.reverse(account, 1, reason="twice", source="page")
    make_entries(make_account(), 5)
    return key


def test_an_empty_book(reader: Caller) -> None:
    document = got(reader)
    assert set(document["total"].values()) == {0}
    assert document["by"] == {"service": [], "provider": [], "family": [], "key": []}
    assert document["book"] == {
        "consumed_tokens": 0,
        "supplied_tokens": 0,
        "net_tokens": 0,
        "entry_count": 0,
        "head_hash": None,
        "exchange": None,
    }
    assert document["period"]["name"] == "30d"


QUERIES: list[dict[str, Any]] = [
    {},
    {"period": "24h"},
    {"period": "7d"},
    {"period": "90d"},
    {"period": "month"},
    {"month": "2026-02"},
    {"since": "2026-03-01", "until": "2026-03-14"},
    {"direction": "supply"},
    {"service": 2},
    {"provider": 3},
    {"provider": 0},
    {"family": "o3"},
    {"key": 0},
    {"period": "90d", "service": 1, "direction": "consume"},
]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_its_sums_are_the_pages_and_the_ledgers(
    account: ExchangeAccount, reader: Caller, query: dict[str, Any]
) -> None:
    document = got(reader, **query)
    told_query = {name: str(value) for name, value in query.items()}
    page = report(account, period_of(told_query, NOW), filters_of(told_query))
    for name, sums in (("total", page.total), ("before", page.before)):
        assert document[name]["consumed_tokens"] == sums.consumed_tokens
        assert document[name]["supplied_tokens"] == sums.supplied_tokens
        assert document[name]["cost"] == Decimal(sums.cost_nanos) / 10**9
        assert document[name]["revenue"] == Decimal(sums.revenue_nanos) / 10**9
        assert document[name]["entries"] == sums.entries
    # and by adding up what the logs have of that time
    since, until = (datetime.fromisoformat(document["period"][name]) for name in ("since", "until"))
    rows = [
        row
        for row in LedgerEntry.objects.filter(account=account)
        if since <= row.occurred_at < until
        and query.get("direction") in (None, row.direction)
        and query.get("service") in (None, row.service_id)
        and ("provider" not in query or (query["provider"] or None) == row.provider_id)
        and query.get("family") in (None, row.model_family)
        and ("key" not in query or row.api_key_id is None)
    ]
    assert rows
    total = document["total"]
    assert total["consumed_tokens"] == sum(r.sign * r.total_tokens for r in rows if r.direction == "consume")
    assert total["supplied_tokens"] == sum(r.sign * r.total_tokens for r in rows if r.direction == "supply")
    assert total["net_tokens"] == total["supplied_tokens"] - total["consumed_tokens"]
    nanos = sum(r.sign * (r.cost_nanos or 0) for r in rows if r.direction == "consume")
    assert total["cost"] == Decimal(nanos) / 10**9


def test_dollars_are_exact(account: ExchangeAccount, reader: Caller, book: ApiKey) -> None:
    response = reader.get("/usage/summary", {"family": "gpt-4o", "direction": "consume", "period": "7d"})
    # 1,500 tokens at $0.0007 for 1,000, twice, one of them taken back
    assert b'"cost":0.001050000,' in response.content


def test_the_parts_add_up_and_name_what_the_logs_filter_by(reader: Caller, book: ApiKey) -> None:
    document = got(reader)
    for parts in document["by"].values():
        for figure in ("consumed_tokens", "supplied_tokens", "entries"):
            assert sum(part[figure] for part in parts) == document["total"][figure]
    services = {part["value"]: part["name"] for part in document["by"]["service"]}
    assert services["1"] == "GPT"
    keys = {part["value"] for part in document["by"]["key"]}
    assert keys == {"0", str(book.pk)}
    narrowed = got(reader, key=book.pk)
    (part,) = [part for part in document["by"]["key"] if part["value"] == str(book.pk)]
    assert narrowed["total"]["consumed_tokens"] == part["consumed_tokens"]


def test_the_book_is_all_that_was_ever_recorded(
    account: ExchangeAccount, reader: Caller, book: ApiKey
) -> None:
    make_snapshot(account=account, consumed=5, supplied=7, entry_count=2)
    whole = got(reader, period="24h", service=9)["book"]
    chain = Chain.objects.get(account=account)
    assert (whole["entry_count"], whole["head_hash"]) == (chain.seq, chain.hash) == (21, chain.hash)
    assert whole["consumed_tokens"] == chain.consumed_tokens
    theirs = whole["exchange"]
    assert (theirs["consumed_tokens"], theirs["supplied_tokens"], theirs["net_tokens"]) == (5, 7, 2)
    assert theirs["entry_count"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"period": "year"}, "period"),
        ({"month": "2026-13"}, "month"),
        ({"month": "soon"}, "month"),
        ({"since": "2026-02-30"}, "since"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "until"),
        ({"direction": "both"}, "direction"),
        ({"service": 0}, "service"),
        ({"service": "x"}, "service"),
        ({"provider": -1}, "provider"),
        ({"key": 2**63}, "key"),
        ({"family": "x" * 1001}, "family"),
        ({"family": "a\0b"}, "family"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_named(reader: Caller, query: dict[str, Any], field: str) -> None:
    assert refusal(reader.get("/usage/summary", query)) == (422, "invalid", field)


def test_the_periods_are_the_pages() -> None:
    names, _none = get_args(SummaryQuery.model_fields["period"].annotation)
    assert set(get_args(names)) == {"24h", *DAYS, "month"}
    for name in get_args(names):
        assert period_of({"period": name}, NOW).name == name


def test_a_person_sees_the_same(account: ExchangeAccount, reader: Caller, book: ApiKey) -> None:
    assert got(person(account.user)) == got(reader)


def test_how_many_queries_it_takes(account: ExchangeAccount, reader: Caller, book: ApiKey) -> None:
    got(reader)
    # the secret with its key and person; the account with its Exchange; the period's rollups, those before
    # it, and the parts; names of services, of providers and of keys; the book; the Exchange's totals
    with counted_queries(10):
        got(reader)
