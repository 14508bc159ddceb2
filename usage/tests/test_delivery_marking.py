"""What is written down, and what is not, when somebody comes back late or the database is busy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import ExchangeAccount
from usage import ledger
from usage.delivering import marking as delivery_marking
from usage.delivering.leases import Claimed, claim, expire
from usage.delivering.marking import mark
from usage.delivering.outcomes import Outcome
from usage.delivery import settle_by_person
from usage.factories import make_entry
from usage.models import Delivery, LedgerEntry
from usage.tests.reporting import (
    attempts_of,
    delivery_of,
    prove,
    state_of,
    tallies_are_right,
)

pytestmark = pytest.mark.django_db
DELIVERED = Outcome(state="delivered", attempt="delivered", status=201)
UNCERTAIN = Outcome(state="uncertain", attempt="uncertain", error="Nobody knows.")


def take(entry: LedgerEntry) -> Claimed:
    (claimed,) = claim(entry.account.exchange, [entry.pk])
    return claimed


def die(entry: LedgerEntry) -> Claimed:
    """Take the entry, and let the lease run out, as who is killed does."""
    claimed = take(entry)
    Delivery.objects.filter(pk=entry.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    return claimed


def test_who_comes_back_late_changes_nothing_that_was_sent_again(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    settle_by_person(account, entry.seq, counted=False)
    newer = take(entry)
    mark([(late, UNCERTAIN)])
    assert state_of(entry) == "sending"
    mark([(late, DELIVERED)])
    assert state_of(entry) == "sending"
    mark([(newer, DELIVERED)])
    assert attempts_of(entry) == [(1, "delivered"), (2, "delivered")]
    assert tallies_are_right()


def test_who_comes_back_late_does_not_answer_for_a_newer_attempt(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    settle_by_person(account, entry.seq, counted=False)
    mark([(take(entry), UNCERTAIN)])
    mark([(late, DELIVERED)])
    # the second report may have been counted too: somebody has to look
    assert state_of(entry) == "uncertain"
    assert tallies_are_right()


def test_who_comes_back_late_changes_nothing_that_a_person_settled(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    settle_by_person(account, entry.seq, counted=True)
    mark([(late, Outcome(state="rejected", attempt="rejected"))])
    assert (state_of(entry), delivery_of(entry).settled_by) == ("delivered", "person")
    assert tallies_are_right()


def test_who_comes_back_late_changes_nothing_that_was_reversed(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    settle_by_person(account, entry.seq, counted=False)
    ledger.reverse(account, entry.seq, reason="a mistake", source="page")
    mark([(late, DELIVERED)])
    assert state_of(entry) == "withdrawn"
    assert tallies_are_right()


@pytest.mark.parametrize("proved", [True, False])
def test_a_late_answer_is_welcome_while_nobody_knows(proved: bool, account: ExchangeAccount) -> None:
    if proved:
        prove(account)
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    mark([(late, UNCERTAIN)])
    assert state_of(entry) == ("pending" if proved else "uncertain")
    mark([(late, DELIVERED)])
    assert (state_of(entry), delivery_of(entry).settled_by) == ("delivered", "answer")
    assert attempts_of(entry) == [(1, "delivered")]
    assert tallies_are_right()


def test_a_late_answer_saves_an_entry_from_being_sent_again(account: ExchangeAccount) -> None:
    entry = make_entry(account=account)
    late = die(entry)
    expire(account.exchange)
    settle_by_person(account, entry.seq, counted=False)
    mark([(late, DELIVERED)])
    assert state_of(entry) == "delivered"


def test_an_outcome_is_written_again_when_the_database_is_busy(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    entry = make_entry(account=account)
    claimed = take(entry)
    real, failures = delivery_marking._mark, [OperationalError("database is locked")] * 3
    pauses: list[float] = []

    def busy(*args: object) -> None:
        if failures:
            raise failures.pop()
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery_marking, "_mark", busy)
    monkeypatch.setattr(delivery_marking.time, "sleep", pauses.append)
    mark([(claimed, DELIVERED)])
    assert state_of(entry) == "delivered"
    assert len(pauses) == 3


def test_an_outcome_that_cannot_be_written_is_logged_and_the_lease_says_the_rest(
    account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entry = make_entry(account=account)
    claimed = take(entry)

    def broken(*_args: object) -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(delivery_marking, "_mark", broken)
    with pytest.raises(OperationalError):
        mark([(claimed, DELIVERED)], patience=0)
    assert entry.hash in caplog.text
    assert "outcome_not_written" in caplog.text
    assert state_of(entry) == "sending"
