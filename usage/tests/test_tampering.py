"""Changes made past the triggers, by somebody who can write to the database: every one is found."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, connection, models, transaction

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from exchange import StatementEntry
from usage import triggers
from usage.models import Chain, Delivery, DeliveryTally, LedgerEntry, UsageRollup
from usage.tests.books import (
    entries_of,
    found,
    kinds,
    log_heads,
    make_book,
    other_value,
    recompute,
    statement,
    truncate,
)
from usage.verification import Verification

pytestmark = pytest.mark.django_db
CHANGES = 1000
MOST_SAID = 40
"""Problems that one change may make: it is in some sums, too, but nothing follows from entry to entry."""
ELSEWHERE = 1_000_000
Names = set[int | None]
Tamper = Callable[[ExchangeAccount, random.Random], Callable[[Verification], bool]]


@pytest.fixture
def book(tmp_path: Path, settings: Any) -> Iterator[ExchangeAccount]:
    """A book that its anchors confirm, in a database whose triggers are off, and that is not told."""
    settings.HEAD_LOG = str(tmp_path / "heads.jsonl")
    account = make_book()
    make_account()  # somebody to whom an entry could be given
    log_heads(Path(settings.HEAD_LOG), account, 5, 12, 20, 24)
    triggers.drop(connection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triggers, "missing", lambda _connection: [])
        yield account
    triggers.install(connection)


def names(*seqs: int) -> Callable[[Verification], bool]:
    """Whether each of these entries is named, by a check of the book itself."""
    outside = {"head_log", "statement"}
    return lambda result: set(seqs) <= {one.seq for one in result.problems if one.kind not in outside}


def says(*wanted: str) -> Callable[[Verification], bool]:
    """Whether problems of these kinds, and of no other, are found."""
    return lambda result: {one.kind for one in result.problems} == set(wanted)


def change_a_field(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    entry = dice.choice(entries_of(account))
    field = dice.choice(LedgerEntry._meta.concrete_fields)
    value = getattr(entry, field.attname)
    others = ExchangeAccount.objects.exclude(pk=account.pk).values_list("pk", flat=True)
    keys = LedgerEntry.objects.filter(api_key__isnull=False).values_list("api_key", flat=True)
    special: dict[str, Any] = {
        "id": ELSEWHERE,
        "account_id": others[0],
        "entry_id": uuid.uuid4(),
        "direction": "supply" if value == "consume" else "consume",
        "source": "page" if value != "page" else "api",
        "evidence": "estimated",
        "hash": uuid.uuid4().hex * 2,
        "prev_hash": uuid.uuid4().hex * 2,
        "currency": "EUR",
        "api_key_id": keys[0] if value is None else None,
    }
    other = special[field.attname] if field.attname in special else other_value(value, dice)
    LedgerEntry.objects.filter(pk=entry.pk).update(**{field.attname: other})
    return names(entry.seq)


def change_and_hash_again(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    """One entry, with a hash that fits; the next one still names the hash that was."""
    entry = dice.choice(entries_of(account)[:-1])
    rest = list(
        LedgerEntry.objects.filter(account=account, seq__gt=entry.seq).values("pk", "prev_hash", "hash")
    )
    head = Chain.objects.filter(account=account).values("seq", "hash")[0]
    LedgerEntry.objects.filter(pk=entry.pk).update(memo=f"not this {dice.random()}")
    recompute(account, entry.seq)
    for row in rest:
        LedgerEntry.objects.filter(pk=row.pop("pk")).update(**row)
    Chain.objects.filter(account=account).update(**head)
    return names(entry.seq)


def remove(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    entry = dice.choice(entries_of(account))
    if dice.random() < 0.5:
        Delivery.objects.filter(entry=entry).delete()
    LedgerEntry.objects.filter(pk=entry.pk)._raw_delete("default")
    return names(entry.seq)


def copied(entry: LedgerEntry, seq: int) -> LedgerEntry:
    entry.pk, entry.seq, entry.entry_id, entry.hash = None, seq, uuid.uuid4(), uuid.uuid4().hex * 2
    entry.reverses_seq = None
    entry.save(force_insert=True)
    return entry


def insert_at_the_end(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    entry = copied(dice.choice(entries_of(account)), 25)
    if dice.random() < 0.5:
        Chain.objects.filter(account=account).update(seq=25, hash=entry.hash)
    return names(25)


def insert_between(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    """And give everything behind it the next number."""
    seq = dice.randint(2, 23)
    behind = LedgerEntry.objects.filter(account=account, seq__gte=seq)
    behind.update(seq=models.F("seq") + ELSEWHERE)
    LedgerEntry.objects.filter(account=account, seq__gt=ELSEWHERE).update(seq=models.F("seq") - ELSEWHERE + 1)
    copied(dice.choice(entries_of(account)), seq)
    return names(seq)


def swap(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    one, two = dice.sample(entries_of(account), 2)
    for entry, seq in ((one, ELSEWHERE), (two, one.seq), (one, two.seq)):
        LedgerEntry.objects.filter(pk=entry.pk).update(seq=seq)
    return names(one.seq, two.seq)


def change_what_is_derived(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    table = dice.choice([UsageRollup, DeliveryTally, Chain])
    mine = table._default_manager.filter(account=account)
    row = mine.order_by("pk")[dice.randrange(mine.count())]
    if table is UsageRollup and dice.random() < 0.3:
        row.delete()
        return says("rollup")
    field = dice.choice(
        [one for one in table._meta.concrete_fields if isinstance(one, models.BigIntegerField)]
    )
    if table is Chain and field.attname == "seq":
        mine.update(seq=row.seq + dice.choice([-1, 1]))  # type: ignore[attr-defined]
        return lambda result: not result.ok
    if field.primary_key:
        field = table._meta.get_field("cost_nanos")  # type: ignore[assignment]
    mine.filter(pk=row.pk).update(**{field.attname: getattr(row, field.attname) + 7})
    kind = {UsageRollup: "rollup", DeliveryTally: "tally", Chain: "totals"}[table]
    return says(kind)


def change_a_delivery(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    entry = dice.choice(entries_of(account))
    mine = Delivery.objects.filter(entry=entry)
    other = ExchangeAccount.objects.exclude(pk=account.pk)[0]
    change = dice.choice(["account", "seq", "occurred_at", "gone", "orphan"])
    match change:
        case "account":
            mine.update(account=other)
        case "seq":
            mine.update(seq=dice.randint(100, 200))
        case "occurred_at":
            mine.update(occurred_at=entry.recorded_at.replace(year=2001))
        case "gone":
            mine.delete()
        case "orphan":
            mine.update(entry_id=ELSEWHERE)
    return names(entry.seq)


def cut_off_the_tail(account: ExchangeAccount, dice: random.Random) -> Callable[[Verification], bool]:
    truncate(account, dice.randint(1, 23))
    return lambda result: (24, "head_log") in kinds(result)


def make_anew_from_a_change_on(
    account: ExchangeAccount, dice: random.Random
) -> Callable[[Verification], bool]:
    entry = dice.choice(entries_of(account))
    LedgerEntry.objects.filter(pk=entry.pk).update(memo=f"never {dice.random()}")
    recompute(account, entry.seq)
    next_anchor = next(seq for seq in (5, 12, 20, 24) if seq >= entry.seq)
    return lambda result: (next_anchor, "head_log") in kinds(result)


WAYS: list[Tamper] = [
    *[change_a_field] * 6,
    change_and_hash_again,
    remove,
    remove,
    insert_at_the_end,
    insert_between,
    swap,
    swap,
    change_what_is_derived,
    change_a_delivery,
    cut_off_the_tail,
    make_anew_from_a_change_on,
]


def test_the_book_is_in_order_before_anybody_touches_it(book: ExchangeAccount) -> None:
    result = found(book, statement(book))
    assert result.ok, result.problems
    assert (result.entries, result.unanchored_since) == (24, None)


def test_a_thousand_random_changes_are_found_every_one(book: ExchangeAccount) -> None:
    seed = random.randrange(2**32)  # noqa: S311
    dice = random.Random(seed)  # noqa: S311
    made = 0
    while made < CHANGES:
        way = dice.choice(WAYS)
        place = transaction.savepoint()
        try:
            with transaction.atomic():
                is_named = way(book, dice)
        except Error:
            # the tables' own constraints refused it
            transaction.savepoint_rollback(place)
            continue
        result = found(book)
        what = f"seed {seed}, change {made}, {way.__name__}: {result.problems[:20]}"
        assert not result.ok, what
        assert is_named(result), what
        assert len(result.problems) < MOST_SAID, what
        transaction.savepoint_rollback(place)
        made += 1
    assert found(book).ok, "every change was taken back"


@pytest.mark.parametrize("way", dict.fromkeys(WAYS), ids=lambda way: way.__name__)
def test_each_way_of_tampering_is_possible(way: Tamper, book: ExchangeAccount) -> None:
    """So that the thousand changes are of every kind."""
    for seed in range(20):
        place = transaction.savepoint()
        try:
            with transaction.atomic():
                is_named = way(book, random.Random(seed))  # noqa: S311
        except Error:
            transaction.savepoint_rollback(place)
            continue
        result = found(book)
        transaction.savepoint_rollback(place)
        assert is_named(result), result.problems
        return
    pytest.fail("the tables refused it every time")


@pytest.mark.parametrize("last", [1, 15, 16, 23])
def test_a_tail_that_was_cut_off_is_found_by_the_statement_alone(
    last: int, book: ExchangeAccount, settings: Any
) -> None:
    settings.HEAD_LOG = ""
    lines = statement(book)
    truncate(book, last)
    gone = [line.id for line in lines if line.id - 100 > last]
    result = found(book, lines)
    assert len(result.problems) == len(gone)
    for problem, number in zip(result.problems, gone, strict=True):
        assert problem.kind == "statement"
        assert f"Line {number} of the Exchange's statement was reported under a hash" in problem.message
    # what was never reported, nobody outside can miss
    assert result.unanchored_since == (17 if last > 16 else None)


def test_a_chain_that_was_made_anew_is_found_by_the_statement_alone(
    book: ExchangeAccount, settings: Any
) -> None:
    settings.HEAD_LOG = ""
    lines: list[StatementEntry] = statement(book)
    LedgerEntry.objects.filter(account=book, seq=14).update(memo="never said")
    recompute(book, 14)
    result = found(book, lines)
    # our own deliveries still know under which numbers the Exchange has counted them
    assert kinds(result) == {(14, "statement"), (15, "statement"), (16, "statement")}
    assert result.unanchored_since == 14
