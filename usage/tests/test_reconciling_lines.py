"""A statement of any length: what is kept of it does not grow with it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from accounts.models import ExchangeAccount
from exchange import GENESIS_HASH, StatementEntry, UsageSummary
from exchange.tests import examples
from usage.models import ReconciliationLine
from usage.reconciling import lines as reconciling_lines
from usage.reconciling.chain import TheirChain
from usage.reconciling.lines import Comparison, batches
from usage.reconciling.opening import opening_of

Kind = ReconciliationLine.Kind


@pytest.fixture
def comparison(account: ExchangeAccount) -> Comparison:
    nothing = UsageSummary(user_id=1, consumed_tokens=0, supplied_tokens=0, net_tokens=0)
    opening = opening_of(account)
    opening.closed = True
    return Comparison(account=account, opening=opening, chain=TheirChain(nothing))


def statement(account: ExchangeAccount, length: int) -> Iterator[StatementEntry]:
    tip = GENESIS_HASH
    for number in range(1, length + 1):
        raw = examples.entry(id=number, user_id=account.exchange_user_id, prev_hash=tip, idempotency_key="k")
        tip = raw["hash"]
        yield StatementEntry.model_validate({**raw, "raw": raw})


def alive() -> int:
    """How many lines of a statement this process holds."""
    gc.collect()
    return sum(type(thing) is StatementEntry for thing in gc.get_objects())


def test_lines_are_read_as_they_are_needed_and_let_go(
    account: ExchangeAccount, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling_lines, "MOST_KEPT", 10)
    others, most = alive(), 0

    def watched() -> Iterator[StatementEntry]:
        nonlocal most
        for count, line in enumerate(statement(account, 3000)):
            if count % 600 == 599:
                most = max(most, alive() - others)
            yield line

    comparison.read(watched())
    # the batch before, while the next one is filled, and what is kept
    assert most <= 2 * reconciling_lines.BATCH + 20
    assert comparison.theirs[Kind.THEIRS_ONLY].entries == 3000
    assert len(comparison.kept) == 10
    assert comparison.chain.problem is None


def test_what_is_not_kept_changes_the_content_all_the_same(
    account: ExchangeAccount, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling_lines, "MOST_KEPT", 1)
    contents = []
    for line in statement(account, 3):
        comparison.read([line])
        contents.append(comparison.content)
    assert len(set(contents)) == 3


def test_batches_are_made_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            asked.append(number)
            yield number

    made = batches(numbers(), 2)
    assert (next(made), asked) == ([0, 1], [0, 1])
    assert list(made) == [[2, 3], [4]]
