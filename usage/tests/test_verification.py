from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from usage import triggers, verification
from usage.factories import make_entries, make_entry, mark
from usage.models import Chain, LedgerEntry, VerificationRun
from usage.tests.books import (
    found,
    make_book,
    statement,
)
from usage.verification import check, latest, verify
from usage.verifying import rows as verifying_rows
from usage.verifying.snapshot import snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def open_tables() -> Iterator[None]:
    """Without the triggers, and without a word about it."""
    with triggers.lifted(connection), pytest.MonkeyPatch.context() as patch:
        patch.setattr(triggers, "missing", lambda _connection: [])
        yield


def test_an_account_without_entries_is_in_order(account: ExchangeAccount) -> None:
    result = found(account)
    assert (result.ok, result.entries, result.unanchored_since, result.problems) == (True, 0, None, ())


def test_a_book_with_everything_in_it_is_in_order() -> None:
    result = found(make_book())
    assert result.problems == ()
    assert (result.ok, result.entries, result.head_seq, result.unanchored_since) == (True, 24, 24, 1)


def test_books_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    account, told = make_book(), list[tuple[int, int]]()
    monkeypatch.setattr(verifying_rows, "PAGE", 10)
    result = verify(account, statement=None, progress=lambda done, total: told.append((done, total)))
    assert result.ok
    assert told == [(10, 24), (20, 24), (24, 24)]


def test_somebody_elses_entries_are_none_of_ours() -> None:
    account, other = make_book(), make_account()
    make_entries(other, 3)
    assert found(account).entries == 24
    assert found(other).ok


@pytest.mark.django_db(transaction=True)
def test_recording_goes_on_while_the_books_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account()
    make_entries(account, 30)
    monkeypatch.setattr(verifying_rows, "PAGE", 10)
    done = list[int]()

    def record() -> None:
        try:
            entry = make_entry(account=account)
            mark(entry, "delivered")
            mark(LedgerEntry.objects.get(account=account, seq=25), "delivered")
            done.append(entry.seq)
        finally:
            connection.close()

    def progress(looked_at: int, _total: int) -> None:
        # in the middle of it, from another connection, and waited for: so it is not held up
        if looked_at == 10:
            writer = threading.Thread(target=record)
            writer.start()
            writer.join(timeout=20)

    result = verify(account, statement=None, progress=progress)
    assert done == [31]
    assert (result.ok, result.entries) == (True, 30), result.problems
    assert found(account).entries == 31


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_leaves_the_connection_as_it_was() -> None:
    account = make_account()
    with pytest.raises(ZeroDivisionError), snapshot():
        raise ZeroDivisionError
    make_entry(account=account)
    with snapshot():
        assert Chain.objects.count() == 1
    with transaction.atomic(), snapshot():
        assert LedgerEntry.objects.count() == 1


def test_a_check_is_kept(acting: ExchangeAccount, monkeypatch: pytest.MonkeyPatch, open_tables: None) -> None:
    make_book(acting)
    monkeypatch.setattr(verification, "statement_of", statement)
    assert latest(acting) is None
    run = check(acting)
    assert (run.ok, run.entries, run.head_seq, run.unanchored_since) == (True, 24, 24, 17)
    LedgerEntry.objects.filter(account=acting).update(memo="never said")
    monkeypatch.setattr(verification, "MOST_STORED", 1)
    run = check(acting)
    assert (run.ok, run.problem_count) == (False, 1)
    assert run.problems[0]["kind"] == "identity"
    assert latest(acting) == run
    assert latest(make_account()) is None
    assert VerificationRun.objects.count() == 2


def test_the_statement_of_another_exchange_is_not_asked_for(account: ExchangeAccount, settings: Any) -> None:
    account.exchange.base_url = "https://elsewhere.example"
    assert verification.statement_of(account) is None
    assert verification.statement_of(make_account(registered=False)) is None


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(data=st.data())
def test_any_entry_that_was_recorded_is_found_in_order(data: st.DataObject, account: ExchangeAccount) -> None:
    make_entry(
        account=account,
        memo=data.draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)),
        prompt_tokens=data.draw(st.integers(0, 2**40)),
        completion_tokens=data.draw(st.integers(0, 2**40)),
        direction=data.draw(st.sampled_from(["consume", "supply"])),
        occurred_at=data.draw(
            st.none() | st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
        ),
        attributes=data.draw(
            st.dictionaries(st.text(max_size=5).filter(str.isprintable), st.integers(0, 9), max_size=3)
        ),
    )
    result = found(account)
    assert result.ok, result.problems
