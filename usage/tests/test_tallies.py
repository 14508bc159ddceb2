from __future__ import annotations

import pytest
from django.db import transaction

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from usage import tallies
from usage.factories import make_entry, mark
from usage.tallies import Move

pytestmark = pytest.mark.django_db


def test_a_move_takes_from_one_state_what_it_adds_to_the_other(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    make_entry(account=account, direction="supply")
    make_entry(account=make_account())
    mark(entry, "delivered")
    delivered, pending = tallies.in_state(account, "delivered"), tallies.in_state(account, "pending")
    assert (delivered.entries, delivered.consumed_tokens, delivered.net_tokens) == (1, 1500, -1500)
    assert (pending.entries, pending.consumed_tokens, pending.supplied_tokens) == (1, 0, 1500)
    assert tallies.in_state(account, "delivered", "pending").entries == 2
    assert tallies.in_state(account, "uncertain").entries == 0


@pytest.mark.django_db(transaction=True)
def test_counting_apart_from_the_move_is_a_mistake_of_the_program(account: ExchangeAccount) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        tallies.move(account.pk, [])


def test_there_and_back_is_nothing(account: ExchangeAccount) -> None:
    out = Move(direction="consume", tokens=5, cost_nanos=1, before="pending", after="sending")
    back = Move(direction="consume", tokens=5, cost_nanos=1, before="sending", after="pending")
    with transaction.atomic():
        tallies.move(account.pk, [out, back])
    assert tallies.of(account) == {}
