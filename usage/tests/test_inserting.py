"""Statements that go to the database together: their errors, their checks, their waiting."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import ExchangeAccount
from usage.factories import make_entry
from usage.models import Chain, DeliveryTally
from usage.writing.inserting import at_once, execute_many, update

pytestmark = pytest.mark.django_db

INSERT = (
    "INSERT INTO usage_deliverytally (account_id, state, direction, entries, tokens, cost_nanos) "
    "VALUES (%s, %s, %s, %s, %s, %s)"
)


def test_what_is_sent_together_is_there_afterwards() -> None:
    account = make_entry().account
    with transaction.atomic(), at_once() as checks:
        execute_many(INSERT, [(account.pk, "rejected", "consume", n, 0, 0) for n in (1,)])
        chain = Chain.objects.get(account=account)
        chain.consumed_tokens = 77
        update(chain, checks)
    assert DeliveryTally.objects.get(account=account, state="rejected").entries == 1
    assert Chain.objects.get(account=account).consumed_tokens == 77


def twice(account: ExchangeAccount) -> str:
    """Insert a row that can be there once, two times; how far it came is in the answer, if there is one."""
    row = (account.pk, "rejected", "consume", 1, 0, 0)
    with transaction.atomic(), at_once() as checks:
        execute_many(INSERT, [row])
        execute_many(INSERT, [row])
        reached.append("the end of the block")
        checks.append(lambda: pytest.fail("nothing is checked after an error"))
    return "done"


reached = list[str]()


def test_an_error_of_any_of_them_is_djangos_own_and_nothing_is_done() -> None:
    account = make_entry().account
    with pytest.raises(IntegrityError):
        twice(account)
    assert not DeliveryTally.objects.filter(account=account, state="rejected").exists()


def test_postgresql_is_not_waited_for_within() -> None:
    reached.clear()
    account = make_entry().account
    with pytest.raises(IntegrityError):
        twice(account)
    assert reached == (["the end of the block"] if connection.vendor == "postgresql" else [])


def test_an_error_of_ours_within_is_raised_as_it_is() -> None:
    account = make_entry().account

    def fail() -> None:
        with transaction.atomic(), at_once():
            execute_many(INSERT, [(account.pk, "rejected", "consume", 1, 0, 0)])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert not DeliveryTally.objects.filter(account=account, state="rejected").exists()


def test_a_row_that_is_not_there_cannot_be_updated() -> None:
    chain = Chain.objects.get(account=make_entry().account)
    chain.account_id = 999_999
    with pytest.raises(RuntimeError, match="not there"), transaction.atomic(), at_once() as checks:
        update(chain, checks)


@pytest.mark.parametrize("rows", [1, 9])
def test_as_many_rows_as_there_are_to_be_written_are_written(rows: int) -> None:
    account = make_entry().account
    states = [f"state{n}" for n in range(rows)]
    with transaction.atomic(), at_once():
        execute_many(INSERT, [(account.pk, state, "consume", 1, 0, 0) for state in states])
    assert DeliveryTally.objects.filter(account=account, state__startswith="state").count() == rows
