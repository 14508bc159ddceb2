"""POST usage: one entry or up to a thousand, each judged alone and recorded once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse

from accounts.factories import make_account
from accounts.keys.budgets import Budget
from accounts.models import ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.api import Caller, person, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog.tests.mirrored import make_provider, make_service
from catalog.tests.wire import Wire
from exchange import MAX_TOKENS
from usage.models import Delivery, LedgerEntry, OverBudget
from usage.verification import verify

pytestmark = pytest.mark.django_db
ENTRY = {"service_id": 1, "prompt_tokens": 1200, "completion_tokens": 300, "direction": "consume"}
ID = "0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b"
RESULT = {"entry_id", "status", "seq", "hash", "over_budget", "error"}
BUDGET = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.TOTAL, limit=2000)


@pytest.fixture(autouse=True)
def _asks_nobody(wire: Wire) -> Iterator[None]:
    """Recording waits for no Exchange: delivery goes on by itself."""
    wire.is_down()
    yield
    assert len(wire.calls) == 0


@pytest.fixture
def agent(account: ExchangeAccount) -> Caller:
    return program(account.user, "record")


def entry(**changes: Any) -> dict[str, Any]:
    return {**ENTRY, **changes}


def results(response: HttpResponse) -> list[dict[str, Any]]:
    document: list[dict[str, Any]] = told(response)["results"]
    assert all(set(result) == RESULT for result in document)
    return document


def record(caller: Caller, *entries: Any) -> list[dict[str, Any]]:
    response = caller.post("/usage", {"entries": list(entries)})
    assert response.status_code == 200, response.content
    return results(response)


# one entry


def test_an_entry_is_recorded(agent: Caller, account: ExchangeAccount) -> None:
    response = agent.post("/usage", entry(entry_id=ID, memo="night run"))
    assert response.status_code == 201
    row = LedgerEntry.objects.get()
    assert results(response) == [
        {
            "entry_id": ID,
            "status": "recorded",
            "seq": 1,
            "hash": row.hash,
            "over_budget": False,
            "error": None,
        }
    ]
    assert (row.account, str(row.entry_id), row.memo, row.total_tokens) == (account, ID, "night run", 1500)
    assert Delivery.objects.get().state == "pending"


def test_it_names_its_key_and_where_it_came_from(agent: Caller, account: ExchangeAccount) -> None:
    agent.post("/usage", entry())
    person(account.user).post("/usage", entry())
    by_key, by_person = LedgerEntry.objects.order_by("seq")
    assert (by_key.source, by_key.api_key) == ("api", agent.key)
    assert (by_person.source, by_person.api_key) == ("api", None)


def test_without_an_id_each_is_another(agent: Caller) -> None:
    first, second = (results(agent.post("/usage", entry()))[0] for _ in range(2))
    assert (first["seq"], second["seq"]) == (1, 2)
    assert uuid.UUID(first["entry_id"]) != uuid.UUID(second["entry_id"])


def test_sent_again_it_is_there_once(agent: Caller) -> None:
    first = agent.post("/usage", entry(entry_id=ID))
    again = agent.post("/usage", entry(entry_id=ID))
    assert (first.status_code, again.status_code) == (201, 200)
    assert results(again)[0] == {**results(first)[0], "status": "duplicate"}
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("spelt", [ID.upper(), ID.replace("-", ""), f"urn:uuid:{ID}"])
def test_the_same_id_in_other_letters_is_the_same(agent: Caller, spelt: str) -> None:
    agent.post("/usage", entry(entry_id=ID))
    assert agent.post("/usage", entry(entry_id=spelt)).status_code == 200


def test_sent_again_by_another_key_of_the_person_it_is_there_once(
    agent: Caller, account: ExchangeAccount
) -> None:
    agent.post("/usage", entry(entry_id=ID))
    assert program(account.user).post("/usage", entry(entry_id=ID)).status_code == 200
    assert LedgerEntry.objects.get().api_key == agent.key


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_tokens": 1201},
        {"service_id": 2},
        {"direction": "supply"},
        {"memo": "x"},
        {"cached_tokens": 0},
        {"evidence": "estimated"},
        {"attributes": {"team": "a"}},
        {"occurred_at": "2026-01-01T00:00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_content_under_the_same_id_is_a_conflict(agent: Caller, change: dict[str, Any]) -> None:
    agent.post("/usage", entry())
    first = results(agent.post("/usage", entry(entry_id=ID)))[0]
    response = agent.post("/usage", entry(entry_id=ID, **change))
    assert refusal(response)[:2] == (409, "conflict")
    (result,) = results(response)
    assert (result["status"], result["seq"], result["hash"]) == ("conflict", 2, first["hash"])
    assert result["error"]["message"]
    assert LedgerEntry.objects.count() == 2


# what cannot be recorded

UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"prompt_tokens": -1}, "prompt_tokens"),
    ({"prompt_tokens": MAX_TOKENS + 1}, "prompt_tokens"),
    ({"prompt_tokens": 10**60}, "prompt_tokens"),
    ({"prompt_tokens": 1.0}, "prompt_tokens"),
    ({"prompt_tokens": "1"}, "prompt_tokens"),
    ({"prompt_tokens": True}, "prompt_tokens"),
    ({"prompt_tokens": None}, "prompt_tokens"),
    ({"completion_tokens": 0.5}, "completion_tokens"),
    ({"direction": "both"}, "direction"),
    ({"direction": None}, "direction"),
    ({"service_id": 0}, "service_id"),
    ({"service_id": 2**63}, "service_id"),
    ({"service_id": "1"}, "service_id"),
    ({"entry_id": "1"}, "entry_id"),
    ({"entry_id": 7}, "entry_id"),
    ({"memo": "x" * 501}, "memo"),
    ({"memo": "a\0b"}, "memo"),
    ({"memo": None}, "memo"),
    ({"cached_tokens": 1201}, "cached_tokens"),
    ({"cached_tokens": -1}, "cached_tokens"),
    ({"reasoning_tokens": 301}, "reasoning_tokens"),
    ({"reasoning_tokens": True}, "reasoning_tokens"),
    ({"evidence": "guessed"}, "evidence"),
    ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
    ({"occurred_at": "1999-12-31T23:59:59Z"}, "occurred_at"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
    ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
    ({"occurred_at": "yesterday"}, "occurred_at"),
    ({"attributes": {"a": 1.5}}, "attributes.a"),
    ({"attributes": {"a": 1.0}}, "attributes.a"),
    ({"attributes": {"a": True}}, "attributes.a"),
    ({"attributes": {"a": [1]}}, "attributes.a"),
    ({"attributes": {"a": "\0"}}, "attributes"),
    ({"attributes": {"a": "x" * 4000}}, "attributes"),
    ({"attributes": {f"n{n}": n for n in range(51)}}, "attributes"),
    ({"attributes": []}, "attributes"),
    # what only we say
    ({"seq": 9}, "seq"),
    ({"cost": 0}, "cost"),
    ({"api_key_id": 1}, "api_key_id"),
    ({"source": "page"}, "source"),
    ({"account": 1}, "account"),
    ({"over_budget": False}, "over_budget"),
    ({"price_per_1k_tokens": 0}, "price_per_1k_tokens"),
    ({"x" * 5000: 1}, "x" * 99 + "…"),
]


@pytest.mark.parametrize(("change", "field"), UNFIT, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named(agent: Caller, change: dict[str, Any], field: str) -> None:
    response = agent.post("/usage", entry(**change))
    assert refusal(response) == (422, "invalid", field)
    (result,) = results(response)
    assert (result["status"], result["seq"], result["hash"]) == ("invalid", None, None)
    assert result["error"]["field"] == field
    assert len(result["error"]["message"]) <= 200
    assert not LedgerEntry.objects.exists()
    # and the same within several
    (within,) = record(agent, entry(**change))
    assert within == result


@pytest.mark.parametrize("missing", ["prompt_tokens", "completion_tokens", "direction", "service_id"])
def test_what_is_missing_is_named(agent: Caller, missing: str) -> None:
    told_entry = entry()
    del told_entry[missing]
    assert refusal(agent.post("/usage", told_entry)) == (422, "invalid", missing)


def test_the_bounds_themselves_are_taken(agent: Caller) -> None:
    taken = entry(
        prompt_tokens=MAX_TOKENS,
        completion_tokens=0,
        cached_tokens=MAX_TOKENS,
        reasoning_tokens=0,
        memo="量" * 500,
        attributes={"team": "a", "n": 2**63 - 1, "none": None},
    )
    assert agent.post("/usage", taken).status_code == 201
    row = LedgerEntry.objects.get()
    assert (row.cached_tokens, row.reasoning_tokens) == (MAX_TOKENS, 0)
    assert json.loads(row.attributes) == {"team": "a", "n": 2**63 - 1, "none": None}


def test_a_clock_may_be_five_minutes_ahead(agent: Caller) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        late = agent.post("/usage", entry(occurred_at="2026-03-01T12:05:01Z"))
        assert refusal(late) == (422, "invalid", "occurred_at")
        assert agent.post("/usage", entry(occurred_at="2026-03-01T13:05:00+01:00")).status_code == 201
    assert LedgerEntry.objects.get().occurred_at == datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"7", b""])
def test_what_is_no_object_is_refused(agent: Caller, body: bytes) -> None:
    response = agent.post("/usage", body)
    assert response.status_code in (400, 415, 422)
    assert not LedgerEntry.objects.exists()


# the default service


def test_a_keys_default_service_is_meant_where_none_is_named(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", default_service_id=11)
    for told_entry in (
        entry(service_id=None),
        {k: v for k, v in ENTRY.items() if k != "service_id"},
        entry(),
    ):
        assert agent.post("/usage", told_entry).status_code == 201
    assert list(LedgerEntry.objects.order_by("seq").values_list("service_id", flat=True)) == [11, 11, 1]


def test_a_default_service_of_another_key_is_not(agent: Caller, account: ExchangeAccount) -> None:
    program(account.user, "record", default_service_id=11)
    assert refusal(agent.post("/usage", entry(service_id=None))) == (422, "invalid", "service_id")
    nobodys = person(account.user).post("/usage", entry(service_id=None))
    assert refusal(nobodys) == (422, "invalid", "service_id")


# several


def test_a_thousand_at_once(agent: Caller, account: ExchangeAccount) -> None:
    done = record(agent, *(entry(entry_id=str(uuid.UUID(int=n)), memo=f"{n}") for n in range(1000)))
    assert {result["status"] for result in done} == {"recorded"}
    assert [result["seq"] for result in done] == list(range(1, 1001))
    assert [uuid.UUID(result["entry_id"]).int for result in done] == list(range(1000))
    again = record(agent, *(entry(entry_id=str(uuid.UUID(int=n)), memo=f"{n}") for n in range(1000)))
    assert [result["hash"] for result in again] == [result["hash"] for result in done]
    assert {result["status"] for result in again} == {"duplicate"}
    assert LedgerEntry.objects.count() == 1000
    assert verify(account, statement=None).ok


@pytest.mark.parametrize("number", [0, 1001])
def test_none_and_more_than_a_thousand_are_refused_as_a_whole(agent: Caller, number: int) -> None:
    response = agent.post("/usage", {"entries": [entry()] * number})
    assert refusal(response) == (422, "invalid", "entries")
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("entries", [None, {}, "x", 7, {"0": ENTRY}])
def test_entries_are_a_list(agent: Caller, entries: Any) -> None:
    assert refusal(agent.post("/usage", {"entries": entries})) == (422, "invalid", "entries")


def test_nothing_stands_beside_entries(agent: Caller) -> None:
    assert refusal(agent.post("/usage", {"entries": [entry()], "memo": "x"})) == (422, "invalid", "memo")
    assert not LedgerEntry.objects.exists()


def test_each_is_judged_alone(agent: Caller) -> None:
    agent.post("/usage", entry(entry_id=ID))
    done = record(
        agent,
        entry(memo="first"),
        entry(direction="both"),
        entry(entry_id=ID),
        entry(entry_id=ID, memo="other"),
        "no object",
        None,
        {},
        entry(memo="last"),
    )
    assert [result["status"] for result in done] == [
        "recorded",
        "invalid",
        "duplicate",
        "conflict",
        "invalid",
        "invalid",
        "invalid",
        "recorded",
    ]
    assert [result["seq"] for result in done] == [2, None, 1, 1, None, None, None, 3]
    assert [result["error"] and result["error"]["field"] for result in done] == [
        None,
        "direction",
        None,
        "entry_id",
        "entry",
        "entry",
        "prompt_tokens",
        None,
    ]
    assert [row.memo for row in LedgerEntry.objects.order_by("seq")] == ["", "first", "last"]


def test_an_id_that_comes_twice_in_one_body_is_recorded_once(agent: Caller) -> None:
    first, same, other = record(
        agent, entry(entry_id=ID), entry(entry_id=ID), entry(entry_id=ID, memo="other")
    )
    assert [first["status"], same["status"], other["status"]] == ["recorded", "duplicate", "conflict"]
    assert first["seq"] == same["seq"] == other["seq"] == 1
    assert LedgerEntry.objects.count() == 1


def test_an_invalid_entry_is_told_by_its_id(agent: Caller) -> None:
    (result,) = record(agent, entry(entry_id=ID, direction="both"))
    assert (result["entry_id"], result["status"]) == (ID, "invalid")


def test_nothing_fit_is_a_200_with_what_is_wrong(agent: Caller) -> None:
    assert [result["status"] for result in record(agent, {}, {})] == ["invalid", "invalid"]


# budgets never drop a record


def test_beyond_the_budget_it_is_recorded_and_marked(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", budget=BUDGET)
    first, second, third = (results(agent.post("/usage", entry()))[0] for _ in range(3))
    assert [one["over_budget"] for one in (first, second, third)] == [False, True, True]
    assert LedgerEntry.objects.count() == 3
    assert OverBudget.objects.count() == 2
    assert told(agent.get("/budget"))["allowed"] is False


def test_several_at_once_go_beyond_it_where_they_do(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", budget=BUDGET)
    done = record(
        agent, *(entry(prompt_tokens=1000, completion_tokens=0, entry_id=str(uuid.uuid4())) for _ in "123")
    )
    assert [result["over_budget"] for result in done] == [False, False, True]


def test_sent_again_it_does_not_count_again(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", budget=BUDGET)
    for _ in range(3):
        (result,) = results(agent.post("/usage", entry(entry_id=ID)))
        assert result["over_budget"] is False
    assert told(agent.get("/budget"))["spent"] == 1500


def test_what_is_supplied_counts_against_no_budget(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", budget=BUDGET)
    for _ in range(3):
        assert results(agent.post("/usage", entry(direction="supply")))[0]["over_budget"] is False


def test_a_day_that_is_told_as_another_is_counted_there(account: ExchangeAccount) -> None:
    """Who backdates spends another day's budget: it is seen there, and in the logs by when it came in."""
    daily = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.DAY, limit=2000)
    agent = program(account.user, "record", budget=daily)
    before = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    marks = [results(agent.post("/usage", entry(occurred_at=before)))[0]["over_budget"] for _ in range(2)]
    assert marks == [False, True]
    assert told(agent.get("/budget"))["spent"] == 0
    row = LedgerEntry.objects.latest("seq")
    assert row.recorded_at - row.occurred_at > timedelta(days=2)


# whose book


def test_who_is_not_registered_yet_records_all_the_same() -> None:
    account = make_account(registered=False)
    assert program(account.user, "record").post("/usage", entry()).status_code == 201
    assert LedgerEntry.objects.get().account == account
    assert Delivery.objects.get().state == "pending"


def test_each_person_has_a_book_of_their_own(agent: Caller) -> None:
    other = program(make_account().user, "record")
    for caller in (agent, other):
        assert results(caller.post("/usage", entry(entry_id=ID)))[0]["seq"] == 1
    hashes = set(LedgerEntry.objects.values_list("hash", flat=True))
    assert len(hashes) == 2


def test_the_price_is_that_of_the_catalogue_then(agent: Caller) -> None:
    make_service(provider=make_provider(number=3), number=11, price="0.0007", name="o3")
    agent.post("/usage", entry(service_id=11))
    agent.post("/usage", entry(service_id=12))
    known, unknown = LedgerEntry.objects.order_by("seq")
    assert (known.service_name, known.cost_nanos) == ("o3", 1_050_000)
    assert (unknown.service_name, unknown.cost_nanos) == (None, None)


# what it costs


def statements_more() -> int:
    """PostgreSQL has a statement for the hour and one for the day, which go there at once."""
    return 1 if connection.vendor == "postgresql" else 0


def test_how_many_queries_it_takes(agent: Caller) -> None:
    agent.post("/usage", entry())
    # the secret with its key and person, the account with its Exchange, what the service is and costs; the
    # chain locked, the entry put in, the chain moved on, the rollups, the key's day, the delivery, its tally
    more = statements_more()
    with counted_queries(10 + more):
        agent.post("/usage", entry())
    # fifty: the numbers that their rows have got are read back
    with counted_queries(11 + more):
        record(agent, *[entry()] * 50)
    # with ids of the program's: which of them are there already
    with counted_queries(12 + more):
        record(agent, *[entry(entry_id=str(uuid.uuid4())) for n in range(50)])
    # all of them there: the chain is locked and looked through, nothing is written
    agent.post("/usage", entry(entry_id=ID))
    with counted_queries(6):
        agent.post("/usage", entry(entry_id=ID))


def test_how_many_queries_a_budget_adds(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", budget=BUDGET)
    agent.post("/usage", entry(prompt_tokens=1, completion_tokens=0))
    more = statements_more()
    # as without one; what the key has spent
    with counted_queries(11 + more):
        agent.post("/usage", entry(prompt_tokens=1, completion_tokens=0))
    # when it is reached: the mark of the entry, and the notice for a mail
    with counted_queries(13 + more):
        agent.post("/usage", entry(prompt_tokens=2000))
