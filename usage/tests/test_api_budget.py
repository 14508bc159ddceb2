"""budget: may a key spend, what has it spent, what is counted, and when does it start anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from accounts.factories import make_account
from accounts.keys.budgets import Budget
from accounts.models import ApiKey, ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.api import Caller, person, program, refusal, told
from accounts.tests.helpers import counted_queries
from catalog.tests.mirrored import make_provider, make_service
from usage import ledger
from usage.factories import make_entry, mark

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    """No midnight comes between recording and asking."""
    with time_machine.travel(NOW, tick=False):
        yield


def tokens(limit: int = 2000, period: BudgetPeriod = BudgetPeriod.DAY, soft: int | None = None) -> Budget:
    return Budget(unit=BudgetUnit.TOKENS, period=period, limit=limit, soft_limit=soft)


def usd(limit: str, period: BudgetPeriod = BudgetPeriod.DAY) -> Budget:
    return Budget(unit=BudgetUnit.USD, period=period, limit=int(Decimal(limit).scaleb(9)))


def key_of(caller: Caller) -> ApiKey:
    assert caller.key is not None
    return caller.key


def spend(account: ExchangeAccount, caller: Caller, **entry: Any) -> Any:
    return make_entry(account=account, api_key=key_of(caller), source="api", **entry)


def asked(caller: Caller, **query: Any) -> dict[str, Any]:
    response = caller.get("/budget", query)
    assert response.status_code == 200, response.content
    document: dict[str, Any] = told(response)
    return document


@pytest.mark.parametrize("scopes", [("read",), ("record",)])
def test_a_key_without_a_budget_may_always(account: ExchangeAccount, scopes: tuple[str, ...]) -> None:
    caller = program(account.user, *scopes)
    spend(account, caller)
    document = asked(caller)
    assert document["allowed"] is True
    assert document["limit"] is document["soft_limit"] is document["left"] is None
    assert (document["unit"], document["period"], document["spent"]) == ("tokens", "month", 1500)
    assert document["counted"]["entries"] == 1


def test_it_says_what_is_spent_and_what_is_left(account: ExchangeAccount) -> None:
    with time_machine.travel(NOW, tick=False):
        caller = program(account.user, budget=tokens(soft=1500))
        assert (asked(caller)["spent"], asked(caller)["soft_limit_reached"]) == (0, False)
        spend(account, caller)
        document = asked(caller)
    which = document.pop("counted")
    assert document == {
        "allowed": True,
        "key_id": key_of(caller).pk,
        "label": "Agent",
        "unit": "tokens",
        "period": "day",
        "limit": 2000,
        "soft_limit": 1500,
        "soft_limit_reached": True,
        "spent": 1500,
        "left": 500,
        "unpriced_tokens": 1500,
        "starts_at": "2026-03-04T00:00:00Z",
        "resets_at": "2026-03-05T00:00:00Z",
    }
    assert which["entries"] == 1
    assert "reversals taken off" in which["which"]


def test_at_the_limit_it_says_no_and_is_still_a_200(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens(1500))
    spend(account, caller)
    document = asked(caller)
    assert (document["allowed"], document["left"], document["spent"]) == (False, 0, 1500)
    spend(account, caller)
    document = asked(caller)
    assert (document["allowed"], document["left"], document["spent"]) == (False, 0, 3000)


def test_dollars_are_exact(account: ExchangeAccount) -> None:
    make_service(provider=make_provider(number=3), number=11, price="0.0007")
    caller = program(account.user, budget=usd("0.00105"))
    spend(account, caller, service_id=11)
    document = asked(caller)
    assert (document["unit"], document["spent"], document["limit"]) == (
        "usd",
        Decimal("0.00105"),
        Decimal("0.00105"),
    )
    assert document["allowed"] is False


def test_tokens_without_a_price_are_told_apart(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=usd("1"))
    spend(account, caller, service_id=99)
    document = asked(caller)
    assert (document["spent"], document["unpriced_tokens"], document["allowed"]) == (0, 1500, True)


def test_what_counts(account: ExchangeAccount) -> None:
    with time_machine.travel(NOW, tick=False):
        caller, other = program(account.user, budget=tokens()), program(account.user)
        spend(account, caller, direction="supply")
        spend(account, other)
        make_entry(account=account)
        assert asked(caller)["counted"]["entries"] == 0
        for state in ("delivered", "rejected", "uncertain"):
            mark(spend(account, caller, prompt_tokens=1, completion_tokens=0), state)
        assert (asked(caller)["spent"], asked(caller)["counted"]["entries"]) == (3, 3)
        undone = spend(account, caller, prompt_tokens=100, completion_tokens=0)
        assert asked(caller)["spent"] == 103
        ledger.reverse(account, undone.seq, reason="twice", source="page")
        assert asked(caller)["spent"] == 3


def test_reversing_does_not_hand_back_more_than_was_spent(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens())
    undone = spend(account, caller)
    ledger.reverse(account, undone.seq, reason="twice", source="page")
    document = asked(caller)
    assert (document["spent"], document["left"]) == (0, 2000)


@pytest.mark.parametrize(
    ("period", "before", "starts", "resets"),
    [
        (
            "day",
            datetime(2026, 3, 3, 23, 59, 59, 999999, UTC),
            "2026-03-04T00:00:00Z",
            "2026-03-05T00:00:00Z",
        ),
        (
            "week",
            datetime(2026, 3, 1, 23, 59, 59, 999999, UTC),
            "2026-03-02T00:00:00Z",
            "2026-03-09T00:00:00Z",
        ),
        (
            "month",
            datetime(2026, 2, 28, 23, 59, 59, 999999, UTC),
            "2026-03-01T00:00:00Z",
            "2026-04-01T00:00:00Z",
        ),
    ],
)
def test_it_starts_anew(
    account: ExchangeAccount, period: str, before: datetime, starts: str, resets: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        caller = program(account.user, budget=tokens(period=BudgetPeriod(period)))
        spend(account, caller, occurred_at=before)
        spend(account, caller, occurred_at=before + timedelta(microseconds=1), prompt_tokens=1)
        document = asked(caller)
    assert (document["starts_at"], document["resets_at"]) == (starts, resets)
    assert document["spent"] == 301
    with time_machine.travel(datetime.fromisoformat(resets), tick=False):
        assert asked(caller)["spent"] == 0


def test_a_total_never_starts_anew(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens(period=BudgetPeriod.TOTAL))
    spend(account, caller, occurred_at=datetime(2001, 1, 1, tzinfo=UTC))
    document = asked(caller)
    assert document["starts_at"] is document["resets_at"] is None
    assert document["spent"] == 1500


def test_a_new_secret_goes_on_with_the_same_budget(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens())
    spend(account, caller)
    rotated = told(person(account.user).post(f"/keys/{key_of(caller).pk}/rotate"))
    assert rotated["budget"]["spent"] == 1500


def test_the_key_page_says_the_same(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens(soft=100))
    spend(account, caller)
    shown = told(person(account.user).get(f"/keys/{key_of(caller).pk}"))["budget"]
    document = asked(caller)
    assert shown == {name: document[name] for name in shown}


# which key


def test_a_person_says_which_key(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens())
    ada = person(account.user)
    assert asked(ada, key=key_of(caller).pk) == asked(caller)
    assert refusal(ada.get("/budget")) == (422, "invalid", "key")
    for unfit in ("0", "-1", "x", str(2**63), "1.5"):
        assert refusal(ada.get("/budget", {"key": unfit})) == (422, "invalid", "key")


def test_anothers_key_is_not_found(account: ExchangeAccount) -> None:
    theirs = key_of(program(make_account().user))
    assert refusal(person(account.user).get("/budget", {"key": theirs.pk})) == (404, "not_found", None)
    assert refusal(program(account.user).get("/budget", {"key": theirs.pk})) == (404, "not_found", None)


def test_a_program_asks_for_itself_alone(account: ExchangeAccount) -> None:
    caller, other = program(account.user, "record"), program(account.user)
    assert asked(caller, key=key_of(caller).pk)["key_id"] == key_of(caller).pk
    assert refusal(caller.get("/budget", {"key": key_of(other).pk})) == (404, "not_found", None)


def test_how_many_queries_it_takes(account: ExchangeAccount) -> None:
    caller = program(account.user, budget=tokens())
    spend(account, caller)
    asked(caller)
    # the secret with its key and person; what it spent
    with counted_queries(2):
        asked(caller)
    ada = person(account.user)
    # the session with its person; the key; its secrets; what it spent
    with counted_queries(4):
        asked(ada, key=key_of(caller).pk)
