from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ExchangeAccount
from usage import ledger, tallies
from usage.factories import make_entry
from usage.models import DeliveryQueue, OpeningBalance, UsageSnapshot
from usage.reporting.differences import Differences, differences_of
from usage.summary import chain_of

pytestmark = pytest.mark.django_db


def of(account: ExchangeAccount, consumed: int | None, supplied: int = 0) -> Differences:
    theirs = None
    if consumed is not None:
        theirs = UsageSnapshot(
            consumed_tokens=consumed,
            supplied_tokens=supplied,
            net_tokens=supplied - consumed,
            fetched_at=timezone.now(),
        )
    return differences_of(account, chain_of(account), theirs)


def test_ours_stand_beside_theirs(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    found = of(account, 1000, 7)
    assert [(row.key, row.ours, row.theirs, row.difference) for row in found.rows] == [
        ("consume", 1500, 1000, 500),
        ("supply", 0, 7, -7),
        ("net", -1500, -993, -507),
    ]
    assert (found.is_equal, found.unexplained) == (False, 507)


def test_what_they_have_not_told_is_no_difference(account: ExchangeAccount) -> None:
    make_entry(account=account)
    found = of(account, None)
    assert [row.difference for row in found.rows] == [None, None, None]
    assert found.unexplained == 0


def test_books_that_agree_need_no_reason(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    found = of(account, 1500)
    assert (found.is_equal, found.reasons, found.unexplained) == (True, (), 0)


def test_books_that_are_equal_by_chance_do_not_agree(account: ExchangeAccount) -> None:
    make_entry(account=account)
    found = of(account, 1500)  # which came another way
    assert [row.difference for row in found.rows] == [0, 0, 0]
    assert (found.is_equal, found.unexplained) == (False, 1500)


def test_what_is_not_counted_there_yet_explains_it(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    make_entry(account=account)
    make_entry(account=account, state="rejected", prompt_tokens=1000, completion_tokens=0)
    make_entry(account=account, state="uncertain", direction="supply", prompt_tokens=5, completion_tokens=0)
    found = of(account, 1500)
    assert [(one.state, one.entries, one.tokens) for one in found.reasons] == [
        ("pending", 1, 1500),
        ("uncertain", 1, 5),
        ("rejected", 1, 1000),
    ]
    assert found.unexplained == 0


@pytest.mark.parametrize(("theirs", "unexplained"), [(1500, 0), (2000, 0), (3000, 0), (3001, 1), (1499, 1)])
def test_what_nobody_knows_explains_all_of_itself_or_nothing(
    account: ExchangeAccount, theirs: int, unexplained: int
) -> None:
    make_entry(account=account, state="delivered")
    make_entry(account=account, state="uncertain")
    make_entry(account=account)
    assert of(account, theirs).unexplained == unexplained


def test_what_was_delivered_since_theirs_were_fetched_needs_no_other_reason(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    assert of(account, 0).unexplained == 1500
    DeliveryQueue.objects.update_or_create(
        exchange=account.exchange, defaults={"delivered_at": timezone.now()}
    )
    assert of(account, 0).unexplained == 0
    # but what they have beyond ours has come another way
    assert of(account, 1600).unexplained == 100


def test_what_was_delivered_while_they_were_asked_needs_no_other_reason(account: ExchangeAccount) -> None:
    make_entry(account=account, state="delivered")
    before = tallies.in_state(account, "delivered")
    make_entry(account=account, state="delivered")
    theirs = UsageSnapshot(consumed_tokens=1500, supplied_tokens=0, net_tokens=-1500)
    chain = chain_of(account)
    assert differences_of(account, chain, theirs, delivered_before=before).unexplained == 0
    theirs.consumed_tokens = 1400
    assert differences_of(account, chain, theirs, delivered_before=before).unexplained == 100


def test_what_was_taken_back_here_alone_explains_it(account: ExchangeAccount) -> None:
    entry = make_entry(account=account, state="delivered")
    ledger.reverse(account, entry.seq, reason="twice", source="page")
    found = of(account, 1500)
    assert [row.difference for row in found.rows] == [-1500, 0, 1500]
    assert [(one.state, one.consumed_tokens) for one in found.reasons] == [("local", -1500)]
    assert found.unexplained == 0


def test_what_was_withdrawn_makes_no_difference(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    ledger.reverse(account, entry.seq, reason="twice", source="page")
    assert (of(account, 0).is_equal, of(account, 0).reasons) == (True, ())


def test_what_was_there_before_our_first_entry_explains_it(account: ExchangeAccount) -> None:
    OpeningBalance.objects.create(account=account, taken_at=timezone.now(), consumed_tokens=900)
    make_entry(account=account, state="delivered")
    found = of(account, 2400)
    assert [(one.state, one.consumed_tokens) for one in found.reasons] == [("opening", -900)]
    assert found.unexplained == 0


def test_reasons_are_said_in_words(account: ExchangeAccount) -> None:
    make_entry(account=account)
    make_entry(account=account)
    make_entry(account=account, state="rejected")
    assert [one.sentence for one in of(account, 0).reasons] == [
        "2 entries wait for delivery",
        "1 entry was rejected by the Exchange",
    ]


def test_it_takes_two_queries(
    account: ExchangeAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_entry(account=account)
    chain = chain_of(account)
    # 1 the tallies, 2 the opening balance
    with django_assert_num_queries(2):
        differences_of(account, chain, None)
