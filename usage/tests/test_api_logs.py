"""usage/logs: every entry once, by cursors that new entries do not disturb; the filters of the logs' page."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.factories import make_account
from accounts.keys.budgets import Budget
from accounts.models import ApiKey, ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.api import Caller, person, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger
from usage.api.logs import LogEntryOut, LogsQuery
from usage.factories import make_draft, make_entries, make_entry, mark
from usage.logs.export import FIELDS
from usage.logs.filters import LogFilters, LogForm
from usage.logs.pages import page
from usage.logs.places import Window
from usage.models import Delivery, LedgerEntry

pytestmark = pytest.mark.django_db
START = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def reader(account: ExchangeAccount) -> Caller:
    return program(account.user, "read")


def make_book(account: ExchangeAccount, entries: int = 40) -> None:
    """Entries of every kind, many at the same instant, some taken back, and somebody else's among them."""
    chance = random.Random(7)  # noqa: S311 - the same every time
    seller = make_provider(number=3)
    for number in (1, 2):
        make_service(provider=seller, number=number, family=f"family-{number}", price="0.5")
    key = ApiKey.objects.create(user=account.user, label="agent")
    stranger = make_account()
    for number in range(entries):
        by_key = number % 3 == 0
        made = make_entry(
            account=account,
            source="api" if by_key else "page",
            api_key=key if by_key else None,
            state=chance.choice([None, "delivered", "rejected"]),
            service_id=chance.choice([1, 2, 9]),
            direction=chance.choice(["consume", "supply"]),
            memo=chance.choice(["night run", "day run", ""]),
            prompt_tokens=chance.choice([10, 5000]),
            occurred_at=START + timedelta(hours=chance.randrange(20)),
        )
        if number % 10 == 0:
            make_entry(account=stranger, memo="night run")
        if number % 15 == 1 and Delivery.objects.get(entry=made).state == "delivered":
            ledger.reverse(account, made.seq, reason="taken back", source="page")


def got(caller: Caller, **query: Any) -> dict[str, Any]:
    response = caller.get("/usage/logs", query)
    assert response.status_code == 200, response.content
    document: dict[str, Any] = told(response)
    return document


def walk(caller: Caller, **query: Any) -> list[int]:
    """Every number, page by page, until there is nothing older."""
    seqs: list[int] = []
    for _turn in range(500):
        found = got(caller, **query)
        seqs += [entry["seq"] for entry in found["entries"]]
        if found["older_than"] is None:
            return seqs
        query["older_than"] = found["older_than"]
    raise AssertionError("it never ends")


def in_order(account: ExchangeAccount) -> list[int]:
    rows = LedgerEntry.objects.filter(account=account).order_by("-occurred_at", "-seq")
    return list(rows.values_list("seq", flat=True))


# what an entry is told as


def test_an_entry_has_all_that_was_recorded_as_the_export_has_it(
    account: ExchangeAccount, reader: Caller
) -> None:
    make_service(provider=make_provider(number=3, name="Northwind"), number=11, price="0.0007", name="o3")
    key = ApiKey.objects.create(user=account.user, label="agent-prod")
    entry = make_entry(
        account=account,
        service_id=11,
        memo="夜间 run",
        source="api",
        api_key=key,
        cached_tokens=7,
        attributes={"team": "a", "n": 3},
    )
    mark(entry, "rejected", rules=[{"id": "TOKEN_CEILING", "message": "Too many."}])
    (document,) = got(reader)["entries"]
    entry.refresh_from_db()
    wanted = {name: read(entry) for name, read in FIELDS.items()}
    assert document == {**wanted, "over_budget": False}
    assert (document["cost"], document["price_per_1k_tokens"]) == ("0.001050000", "0.0007")
    assert (document["rules"], document["api_key"], document["counts"]) == (
        ["TOKEN_CEILING"],
        "agent-prod",
        1,
    )
    assert document["attributes"] == {"team": "a", "n": 3}
    assert told(reader.get("/usage/logs/1")) == document


def test_the_fields_are_those_of_the_export() -> None:
    assert set(LogEntryOut.model_fields) == {*FIELDS, "over_budget"}


def test_a_reversal_counts_negative(account: ExchangeAccount, reader: Caller) -> None:
    make_entries(account, 1)
    ledger.reverse(account, 1, reason="twice", source="page")
    reversal, first = got(reader)["entries"]
    assert (reversal["counts"], reversal["reverses_seq"], reversal["memo"]) == (-1, 1, "twice")
    assert (first["counts"], first["delivery"]) == (1, "withdrawn")


def test_an_empty_book(reader: Caller) -> None:
    assert got(reader) == {"entries": [], "older_than": None, "newer_than": None, "searched_to": None}


# cursors


@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_following_the_cursor_meets_every_entry_once(
    account: ExchangeAccount, reader: Caller, limit: int
) -> None:
    make_book(account)
    assert walk(reader, limit=limit) == in_order(account)


def test_entries_that_come_in_meanwhile_disturb_nothing(account: ExchangeAccount, reader: Caller) -> None:
    make_book(account)
    before = in_order(account)
    seqs: list[int] = []
    query: dict[str, Any] = {"limit": 5}
    for turn in range(100):
        found = got(reader, **query)
        seqs += [entry["seq"] for entry in found["entries"]]
        if found["older_than"] is None:
            break
        query["older_than"] = found["older_than"]
        # newer than all, and in the midst of what was passed already
        make_entry(account=account)
        make_entry(account=account, occurred_at=START + timedelta(days=1, seconds=turn))
    assert seqs == before


def test_back_again_meets_the_same_and_then_what_came_in(account: ExchangeAccount, reader: Caller) -> None:
    make_book(account)
    first = got(reader, limit=6)
    assert first["newer_than"] is None
    second = got(reader, limit=6, older_than=first["older_than"])
    third = got(reader, limit=6, older_than=second["older_than"])
    make_entries(account, 8)
    back = got(reader, limit=6, newer_than=third["newer_than"])
    assert back["entries"] == second["entries"]
    back = got(reader, limit=6, newer_than=back["newer_than"])
    assert [entry["seq"] for entry in back["entries"]] == [entry["seq"] for entry in first["entries"]]
    seqs: list[int] = []
    while back["newer_than"]:
        back = got(reader, limit=6, newer_than=back["newer_than"])
        seqs += [entry["seq"] for entry in back["entries"] if entry["seq"] not in seqs]
    assert set(in_order(account)[:8]) <= set(seqs)


FILTERS: list[dict[str, Any]] = [
    {"direction": "supply"},
    {"service": 1},
    {"provider": 3},
    {"provider": 0},
    {"family": "family-2"},
    {"key": 0},
    {"source": "api"},
    {"state": "rejected"},
    {"state": "pending", "direction": "consume"},
    {"q": "night"},
    {"q": "night", "direction": "consume"},
    {"least": 1000},
    {"since": "2026-02-01T05:00:00Z", "until": "2026-02-01T12:00:00Z"},
    {"since": "2026-02-01", "until": "2026-02-01", "service": 2},
]


@pytest.mark.parametrize("query", FILTERS, ids=str)
def test_a_filter_is_the_pages(account: ExchangeAccount, reader: Caller, query: dict[str, Any]) -> None:
    make_book(account)
    filters = LogFilters({name: str(value) for name, value in query.items()})
    wanted = [entry.seq for entry in page(account, filters, window=Window(size=200)).entries]
    assert wanted
    assert len(wanted) < len(in_order(account))
    assert [entry["seq"] for entry in got(reader, limit=200, **query)["entries"]] == wanted
    assert walk(reader, limit=2, **query) == wanted


def test_any_filters_together_are_the_pages(account: ExchangeAccount) -> None:
    make_book(account)
    reader = program(account.user, "read")
    key = ApiKey.objects.get(label="agent").pk
    values = {
        "direction": ["consume", "supply"],
        "service": [1, 2, 9, 4],
        "provider": [0, 3, 4],
        "family": ["family-1", "family-2", "Family-1", "x"],
        "key": [0, key, key + 100],
        "source": ["api", "page", "litellm"],
        "state": ["pending", "delivered", "local", "sending"],
        "least": [0, 1000, 10**9],
        "q": ["night", "run", "day run", "nothing"],
    }
    chosen = st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(some) for name, some in values.items()}
    )

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(chosen)
    def same(query: dict[str, Any]) -> None:
        filters = LogFilters({name: str(value) for name, value in query.items()})
        found = page(account, filters, window=Window(size=200))
        assert [entry["seq"] for entry in got(reader, limit=200, **query)["entries"]] == [
            entry.seq for entry in found.entries
        ]

    same()


def test_every_filter_of_the_page_is_one_here() -> None:
    assert set(LogForm.base_fields) == set(LogsQuery.model_fields) - {"older_than", "newer_than", "limit"}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("direction", LedgerEntry.Direction.values),
        ("source", LedgerEntry.Source.values),
        ("state", Delivery.State.values),
    ],
)
def test_the_words_are_those_of_the_ledger(name: str, known: list[str]) -> None:
    words, _none = get_args(LogsQuery.model_fields[name].annotation)
    assert set(get_args(words)) == set(known)


# what cannot be meant


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"direction": "both"}, "direction"),
        ({"source": "mail"}, "source"),
        ({"state": "lost"}, "state"),
        ({"service": "x"}, "service"),
        ({"service": 0}, "service"),
        ({"service": 2**63}, "service"),
        ({"provider": -1}, "provider"),
        ({"key": "x"}, "key"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-30"}, "since"),
        ({"until": "x" * 41}, "until"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until"),
        ({"least": -1}, "least"),
        ({"least": "9" * 40}, "least"),
        ({"q": "!!!"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": " ".join(f"w{n}" for n in range(50))}, "q"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "all"}, "limit"),
        ({"older_than": "x"}, "older_than"),
        ({"older_than": "2026-13-01T00:00:00.000000Z.1"}, "older_than"),
        ({"older_than": "x" * 61}, "older_than"),
        ({"newer_than": "17"}, "newer_than"),
        # a cursor of another order
        ({"q": "night", "older_than": "2026-02-01T00:00:00.000000Z.1"}, "older_than"),
    ],
    ids=str,
)
def test_it_is_named(reader: Caller, query: dict[str, Any], field: str) -> None:
    assert refusal(reader.get("/usage/logs", query)) == (422, "invalid", field)


def test_the_limits_bounds(account: ExchangeAccount, reader: Caller) -> None:
    make_entries(account, 210)
    assert len(got(reader)["entries"]) == 50
    assert len(got(reader, limit=200)["entries"]) == 200
    assert len(got(reader, limit=1)["entries"]) == 1


# whose


def test_anothers_entries_are_not_among_them(account: ExchangeAccount, reader: Caller) -> None:
    make_entries(make_account(), 3)
    make_entries(account, 1)
    assert [entry["seq"] for entry in got(reader)["entries"]] == [1]
    assert refusal(reader.get("/usage/logs/3")) == (404, "not_found", None)
    assert got(reader) == got(person(account.user))


def test_what_went_beyond_a_budget_is_marked(account: ExchangeAccount, reader: Caller) -> None:
    total = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.TOTAL, limit=2000)
    agent = program(account.user, "record", budget=total)
    for draft in (make_draft(), make_draft()):
        body = {
            "service_id": draft.service_id,
            "prompt_tokens": draft.prompt_tokens,
            "completion_tokens": draft.completion_tokens,
            "direction": draft.direction,
        }
        agent.post("/usage", body)
    assert [entry["over_budget"] for entry in got(reader)["entries"]] == [True, False]
    assert told(reader.get("/usage/logs/2"))["over_budget"] is True


# what it costs


def test_how_many_queries_it_takes(account: ExchangeAccount, reader: Caller) -> None:
    make_entries(account, 60)
    got(reader)
    # the secret with its key and person; the account with its Exchange; the entries with their deliveries
    with counted_queries(3):
        got(reader)
    # the secret, the account; the entry with its delivery and key
    with counted_queries(3):
        reader.get("/usage/logs/1")
    make_entries(account, 5, source="api", api_key=reader.key)
    # those marked as beyond a budget, where keys have recorded
    with counted_queries(4):
        got(reader)
