from __future__ import annotations

import pytest

from accounts.models import ExchangeAccount
from usage import ledger
from usage.factories import make_entry, mark
from usage.reconciling.totals import Books, Figures, Span, Surplus, books_of, surplus


def books(**consumed: int) -> Books:
    return Books({state: Figures(1, tokens) for state, tokens in consumed.items()})


@pytest.mark.parametrize(
    ("theirs", "off"),
    [(99, -1), (100, 0), (105, 0), (110, 0), (111, 1), (0, -100)],
)
def test_only_what_lies_outside_the_range_alarms(theirs: int, off: int) -> None:
    before, after = books(delivered=100), books(delivered=104, sending=2, uncertain=3, retried=1, pending=50)
    found = surplus((theirs, 0), (0, 0), least=before.delivered, most=after.at_most)
    assert (found.consumed.off, found.supplied.off, found.off) == (off, 0, off != 0)


def test_the_opening_balance_is_taken_off_theirs() -> None:
    found = surplus((1100, 7), (1000, 7), least=Figures(1, 90), most=Figures(1, 90))
    assert found == Surplus(Span(10, 10), Span(0, 0))


def test_rejected_withdrawn_and_local_entries_are_never_expected_there() -> None:
    both = books(rejected=1, withdrawn=2, local=4)
    assert both.at_most == both.delivered == Figures()


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Span(5, 5), Span(3, 5), Span(5, 5)),
        (Span(1, 4), Span(3, 9), Span(3, 4)),
        (Span(5, 5), Span(6, 6), None),
    ],
)
def test_ranges_that_meet_may_be_the_same_difference(one: Span, other: Span, both: Span | None) -> None:
    assert one.meeting(other) == other.meeting(one) == both


def test_our_book_is_what_was_delivered_and_what_was_not_less_what_was_reversed(
    account: ExchangeAccount,
) -> None:
    kept, taken_back = make_entry(account=account, state="delivered"), make_entry(account=account)
    make_entry(account=account, prompt_tokens=5, completion_tokens=0, direction="supply")
    mark(taken_back, "delivered")
    ledger.reverse(account, taken_back.seq, reason="Twice", source="page")
    withdrawn = make_entry(account=account)
    ledger.reverse(account, withdrawn.seq, reason="Never", source="page")
    found = books_of(account)
    assert (found.delivered.entries, found.delivered.consumed_tokens) == (2, 3000)
    assert (found.in_all.consumed_tokens, found.in_all.supplied_tokens) == (kept.total_tokens, 5)
    account.refresh_from_db()
    assert found.in_all.net_tokens == account.chain.net_tokens
