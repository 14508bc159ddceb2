from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from accounts.factories import make_account
from usage import triggers
from usage.canonical import digest, fields_of
from usage.factories import make_entries, mark
from usage.models import Chain, Delivery, LedgerEntry, UsageRollup
from usage.tests.books import (
    found,
    kinds,
    make_book,
    recompute,
    rows_of,
)
from usage.verifying import chain as verifying_chain
from usage.verifying import problems as verifying_problems
from usage.verifying.problems import Kind, Problems
from usage.verifying.rows import AT, digester

pytestmark = pytest.mark.django_db


@pytest.fixture
def open_tables() -> Iterator[None]:
    """Without the triggers, and without a word about it."""
    with triggers.lifted(connection), pytest.MonkeyPatch.context() as patch:
        patch.setattr(triggers, "missing", lambda _connection: [])
        yield


@pytest.mark.parametrize("how", ["removed", "inserted"])
def test_numbers_that_were_closed_up_are_no_followers(how: str, open_tables: None) -> None:
    account = make_book()
    mine = LedgerEntry.objects.filter(account=account)
    if how == "removed":
        Delivery.objects.filter(entry__in=mine.filter(seq=10)).delete()
        mine.filter(seq=10).delete()
        step, behind = -1, mine.filter(seq__gt=10)
    else:
        step, behind = 1, mine.filter(seq__gte=10)
    for entry in behind.order_by("seq" if step < 0 else "-seq"):
        LedgerEntry.objects.filter(pk=entry.pk).update(seq=entry.seq + step)
    if how == "inserted":
        entry = LedgerEntry.objects.get(account=account, seq=9)
        entry.pk, entry.seq, entry.entry_id, entry.hash = None, 10, uuid.uuid4(), "e" * 64
        entry.save(force_insert=True)
    chainly = [
        one for one in found(account).problems if one.kind in ("changed", "missing", "inserted", "moved")
    ]
    if how == "removed":
        first, head = chainly
        assert (first.seq, first.kind) == (10, "missing")
        assert "Before entry 10, 1 were removed" in first.message
        assert (head.seq, head.message) == (24, "Entry 24 is missing: the chain's head is number 24.")
    else:
        first, head = chainly
        assert (first.seq, first.kind) == (10, "inserted")
        assert "from 11 on the numbers are 1 too high" in first.message
        assert (head.seq, head.kind) == (25, "inserted")


def test_two_entries_that_changed_places_are_said_to_have_moved(open_tables: None) -> None:
    account = make_book()
    for before, after in ((4, 1000), (19, 4), (1000, 19)):
        LedgerEntry.objects.filter(account=account, seq=before).update(seq=after)
    moved = [one.message for one in found(account).problems if one.kind == "moved"]
    assert moved == [
        "Entry 4 is what was recorded as number 19: it was moved.",
        "Entry 19 is what was recorded as number 4: it was moved.",
    ]


def test_an_entry_that_was_put_in_the_place_of_another_is_named(open_tables: None) -> None:
    """With a hash that fits, and the one before it as it was: only the next one tells."""
    account = make_book()
    after = LedgerEntry.objects.get(account=account, seq=11)
    chain = Chain.objects.get(account=account)
    entry = LedgerEntry.objects.get(account=account, seq=10)
    entry.memo = "another"
    again = digest(fields_of(entry, chain_id=chain.chain_id, exchange=account.exchange.base_url))
    LedgerEntry.objects.filter(pk=entry.pk).update(memo=entry.memo, hash=again)
    (problem,) = found(account).problems
    assert (problem.seq, problem.kind) == (10, "replaced")
    assert after.prev_hash != again


def test_another_chain_id_or_base_url_is_one_problem(open_tables: None) -> None:
    account = make_book()
    with transaction.atomic():
        Chain.objects.filter(account=account).update(chain_id=uuid.uuid4())
        assert kinds(found(account)) == {(1, "identity")}
        transaction.set_rollback(True)
    account.exchange.base_url = "https://elsewhere.example"
    account.exchange.save()
    assert kinds(found(account)) == {(1, "identity")}


def test_every_entry_that_was_changed_is_named_however_many(
    open_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying_chain, "MOST_EXPLAINED", 3)
    account = make_book()
    LedgerEntry.objects.filter(account=account, seq__lte=20).update(memo="never said")
    changed = [one.seq for one in found(account).problems if one.kind == "changed"]
    assert changed == list(range(1, 21))


def test_no_more_problems_are_kept_than_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying_problems, "MOST_KEPT", 2)
    problems = Problems()
    for seq in (3, 2, 1, 4):
        problems.add_break(seq, Kind.CHANGED, "changed")
    assert [(one.seq, one.message) for one in problems.sorted()] == [
        (2, "changed"),
        (3, "changed"),
        (None, "And 2 more problems of this kind."),
    ]
    assert problems.breaks_at == 1


@pytest.mark.parametrize("state", ["local", "pending"])
def test_a_delivery_that_reports_a_reversal_or_hides_an_entry_is_found(state: str) -> None:
    account = make_book()
    entry = LedgerEntry.objects.get(account=account, seq=23 if state == "pending" else 9)
    assert entry.is_reversal == (state == "pending")
    mark(entry, state)
    assert kinds(found(account)) == {(entry.seq, "delivery")}


@pytest.mark.parametrize(
    ("seq", "state"),
    [(17, "withdrawn"), (1, "withdrawn"), (20, "pending"), (20, "delivered"), (3, "rejected")],
)
def test_a_delivery_that_does_not_fit_its_reversal_is_found(seq: int, state: str) -> None:
    """Entry 3 was reversed after it was delivered, 20 before, the others never."""
    account = make_book()
    mark(LedgerEntry.objects.get(account=account, seq=seq), state)
    assert kinds(found(account)) == {(seq, "delivery")}


def test_content_that_the_ledger_never_writes_is_found_though_its_hash_fits(open_tables: None) -> None:
    account = make_book()
    first = LedgerEntry.objects.filter(account=account, seq=1)
    for change, words in (
        ({"cost_nanos": 7}, "which is not its tokens at 0.5 USD per 1,000"),
        ({"attributes": '{"b": 1}'}, "has attributes that are not canonical JSON"),
        ({"attributes": "[" * 5000}, "has attributes that are not canonical JSON"),
        ({"attributes": "[]"}, "has attributes that are not canonical JSON"),
        ({"v": 2}, "is of format 2, which this program does not know"),
    ):
        place = transaction.savepoint()
        first.update(**change)
        recompute(account)
        problems = [one for one in found(account).problems if one.kind == "content"]
        assert [one.seq for one in problems] == [1]
        assert words in problems[0].message
        transaction.savepoint_rollback(place)


def test_a_reversal_of_something_else_is_found(open_tables: None) -> None:
    account = make_book()
    reversal = LedgerEntry.objects.get(account=account, reverses_seq=3)
    for change in (
        {"reverses_seq": 9},
        {"provider_name": None},
        {"occurred_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ):
        place = transaction.savepoint()
        LedgerEntry.objects.filter(pk=reversal.pk).update(**change)
        recompute(account)
        assert (reversal.seq, "reversal") in kinds(found(account))
        transaction.savepoint_rollback(place)


NOT_TEXT = ("memo", "CAST(x'ff41' AS TEXT)")
OTHER_TYPES = [
    ("memo", "x'ff41'"),
    ("prompt_tokens", "'many'"),
    ("prompt_tokens", "1.5"),
    ("cost_nanos", "'dear'"),
    ("price_per_1k_tokens", "'cheap'"),
    ("occurred_at", "'yesterday'"),
    ("recorded_at", "7"),
    ("occurred_at_given", "2"),
    ("entry_id", "'none'"),
]
sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite keeps anything in any column")


def write_raw(column: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            cursor.execute(f"UPDATE usage_ledgerentry SET {column} = {value} WHERE seq = 9")  # noqa: S608
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


@sqlite_only
@pytest.mark.parametrize(("column", "value"), [*OTHER_TYPES, NOT_TEXT, ("seq", "'ninth'"), ("seq", "9.5")])
def test_values_of_another_type_are_found(column: str, value: str, open_tables: None) -> None:
    account = make_book()
    write_raw(column, value)
    assert 9 in {one.seq for one in found(account).problems}


@sqlite_only
@pytest.mark.parametrize(("column", "value"), OTHER_TYPES)
def test_values_of_another_type_are_found_under_a_hash_that_fits(
    column: str, value: str, open_tables: None
) -> None:
    account = make_book()
    pk = LedgerEntry.objects.get(account=account, seq=9).pk
    write_raw(column, value)
    (row,) = [row for row in rows_of(account) if row[AT["id"]] == pk]
    again = digester(Chain.objects.get().chain_id, account.exchange.base_url)(row)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_ledgerentry SET hash = %s WHERE id = %s", [again, pk])
    assert 9 in {one.seq for one in found(account).problems}


def test_triggers_that_were_dropped_are_found() -> None:
    account = make_book()
    names = set(triggers._triggers(connection))
    with connection.cursor() as cursor:
        triggers.drop(connection)
        said = found(account).problems
        triggers.install(connection)
        # on PostgreSQL their functions too, which nothing calls then
        assert {one.message.split()[3] for one in said if one.kind == "trigger"} >= names
        (one,) = sorted(names)[:1]
        on_table = f" ON {triggers.TABLE}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER {one}{on_table}")
        assert kinds(found(account)) == {(None, "trigger")}


def test_many_wrong_rollups_are_counted() -> None:
    account = make_account()
    make_entries(account, 3)
    for service in range(30):
        UsageRollup.objects.filter(account=account, grain="day").first()
        row = UsageRollup.objects.filter(account=account, grain="day", service_id=1).get()
        row.pk, row.service_id = None, 1000 + service
        row.save(force_insert=True)
    problems = found(account).problems
    assert [one.kind for one in problems] == ["rollup"] * 21
    assert problems[-1].message == "10 more rollups differ from their entries."
