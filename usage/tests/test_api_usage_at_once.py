"""The same entry sent at the same instant, by requests on threads and connections of their own."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from accounts.factories import make_account
from accounts.keys.budgets import Budget
from accounts.models import ExchangeAccount
from accounts.models.api_key import BudgetPeriod, BudgetUnit
from accounts.tests.api import Caller, program, told
from usage.models import Chain, LedgerEntry, OverBudget
from usage.verification import verify

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 60
"""Seconds after which a test that hangs fails instead."""
ENTRY = {"service_id": 1, "prompt_tokens": 1000, "completion_tokens": 0, "direction": "consume"}
ID = "0b1f6b8e-7c39-4a56-9c0d-3a1d2e4f5a6b"
BUDGET = Budget(unit=BudgetUnit.TOKENS, period=BudgetPeriod.TOTAL, limit=3000)


def at_once(agent: Caller, bodies: list[dict[str, Any]]) -> list[HttpResponse]:
    together = Barrier(len(bodies))
    answers: list[HttpResponse] = []

    def send(body: dict[str, Any]) -> None:
        caller = Caller(Client(), agent.headers)
        try:
            together.wait(LIMIT)
            answers.append(caller.post("/usage", body))
        finally:
            connection.close()

    threads = [Thread(target=send, args=[body]) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(answers) == len(bodies)
    return answers


@pytest.fixture
def account() -> ExchangeAccount:
    return make_account()


def test_the_same_id_is_recorded_once(account: ExchangeAccount) -> None:
    answers = at_once(program(account.user, "record"), [{**ENTRY, "entry_id": ID}] * 6)
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({told(answer)["results"][0]["hash"] for answer in answers}) == 1
    assert LedgerEntry.objects.count() == 1


def test_of_two_contents_under_one_id_one_is_recorded(account: ExchangeAccount) -> None:
    bodies = [{**ENTRY, "entry_id": ID, "memo": memo} for memo in ("this", "that")]
    answers = at_once(program(account.user, "record"), bodies)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert LedgerEntry.objects.count() == 1


def test_a_budget_is_not_slipped_past_together(account: ExchangeAccount) -> None:
    agent = program(account.user, "record", budget=BUDGET)
    answers = at_once(agent, [ENTRY] * 6)
    marks = [told(answer)["results"][0]["over_budget"] for answer in answers]
    assert sorted(marks) == [False] * 3 + [True] * 3
    assert OverBudget.objects.count() == 3
    assert told(Caller(Client(), program(account.user).headers).get("/usage/logs"))["entries"][0]["seq"] == 6


def test_the_chain_has_no_gap(account: ExchangeAccount) -> None:
    agent = program(account.user, "record")
    at_once(agent, [{"entries": [{**ENTRY, "memo": f"{n}"} for n in range(20)]}] * 5)
    assert Chain.objects.get().seq == 100
    assert list(LedgerEntry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 101))
    assert verify(account, statement=None).ok
