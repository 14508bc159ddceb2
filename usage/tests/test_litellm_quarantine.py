"""Rows that wait: recorded once their service is known, or discarded; each once, and only one's own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from accounts.factories import make_account
from accounts.models import ApiKey, ExchangeAccount
from exchange import MAX_TOKENS
from usage import ledger
from usage.factories import make_entry
from usage.litellm.quarantine import Replayed, count_of, discard, groups_of, replay, settled_of, waiting_of
from usage.models import LedgerEntry, QuarantinedRow
from usage.tests.litellm import make_row, placed, taken

pytestmark = pytest.mark.django_db


def replayed(account: ExchangeAccount, service: int = 7, **which: Any) -> Replayed:
    return replay(account, waiting_of(account).filter(**which), service)


def test_what_waits_is_told_by_reason_and_model(account: ExchangeAccount) -> None:
    taken(make_account(), make_row())
    taken(account, make_row(model="a"), make_row(model="a", model_group="b"), make_row(model="a"))
    taken(account, make_row(model="a", prompt_tokens=None), placed("x", model="b"))
    groups = groups_of(waiting_of(account))
    assert [(group.reason, group.model, group.rows, group.tokens) for group in groups] == [
        ("service", "b", 1, 30),
        ("tokens", "a", 1, 0),
        ("no_service", "a", 2, 60),
        ("no_service", "b", 1, 30),
    ]
    assert count_of(account) == 5


def test_tokens_of_any_number_can_be_added_up(account: ExchangeAccount) -> None:
    most = {"prompt_tokens": MAX_TOKENS, "completion_tokens": MAX_TOKENS}
    taken(account, *(make_row(**most) for _number in range(600)))
    (group,) = groups_of(waiting_of(account))
    assert group.tokens > 2**63


def test_a_group_is_recorded_under_the_keys_that_sent_it(account: ExchangeAccount) -> None:
    keys = [ApiKey.objects.create(user=account.user, label=label) for label in ("one", "two")]
    for key in (*keys, None):
        taken(account, make_row(), make_row(), key=key)
    assert replayed(account) == Replayed(recorded=6, there=0, waiting=0, tokens=180)
    entries = list(LedgerEntry.objects.all())
    assert {(entry.service_id, entry.source, entry.memo) for entry in entries} == {(7, "litellm", "")}
    assert sorted(str(entry.api_key) for entry in entries) == ["None", "None", "one", "one", "two", "two"]
    for row in QuarantinedRow.objects.select_related("entry"):
        assert (row.state, row.entry.entry_id, row.entry.api_key_id) == (  # type: ignore[union-attr]
            "recorded",
            row.identity,
            row.api_key_id,
        )
    assert (count_of(account), len(settled_of(account))) == (0, 6)


def test_recorded_again_it_is_not_recorded_twice(account: ExchangeAccount) -> None:
    taken(account, make_row())
    row = QuarantinedRow.objects.get()
    replayed(account)
    assert replayed(account) == Replayed(recorded=0, there=0, waiting=0, tokens=0)
    # as a process that died between the two leaves it
    QuarantinedRow.objects.update(state="waiting", settled_at=None, entry=None)
    assert replayed(account, service=9) == Replayed(recorded=0, there=1, waiting=0, tokens=0)
    row.refresh_from_db()
    assert (row.state, row.entry) == ("recorded", LedgerEntry.objects.get())


def test_what_cannot_be_recorded_goes_on_waiting(account: ExchangeAccount) -> None:
    later = timezone.now().timestamp() + 1000
    taken(account, make_row(prompt_tokens=-5), make_row(endTime=later), None, make_row(id=None))
    assert replayed(account) == Replayed(recorded=1, there=0, waiting=3, tokens=30)
    waiting = set(waiting_of(account).values_list("reason", flat=True))
    assert waiting == {"tokens", "time", "unreadable"}


def test_a_time_that_has_come_can_be_recorded(account: ExchangeAccount) -> None:
    now = timezone.now().timestamp()
    taken(account, make_row(endTime=now + 1000))
    row = QuarantinedRow.objects.get()
    QuarantinedRow.objects.update(kept={**row.kept, "ended_at": now})
    assert replayed(account).recorded == 1


def test_a_conflict_is_recorded_as_another_entry_if_a_person_says_so(account: ExchangeAccount) -> None:
    row = placed(3)
    taken(account, row)
    told = {**row, "prompt_tokens": 11}
    taken(account, told)
    ledger.reverse(account, 1, reason="wrong", source="page")
    assert replayed(account, service=3).recorded == 1
    assert [entry.prompt_tokens for entry in LedgerEntry.objects.order_by("seq")] == [10, 10, 11]
    assert taken(account, told).duplicates == taken(account, row).duplicates == 1


def test_discarded_it_stays_to_be_seen(account: ExchangeAccount) -> None:
    taken(account, make_row(), make_row(), placed("x"))
    assert discard(account, waiting_of(account).filter(reason="no_service")) == 2
    assert discard(account, waiting_of(account).filter(reason="no_service")) == 0
    assert (count_of(account), len(settled_of(account))) == (1, 2)
    assert replayed(account, reason="no_service").recorded == 0


def test_nobody_settles_what_is_anothers(account: ExchangeAccount) -> None:
    other = make_account()
    taken(other, make_row())
    assert replay(account, QuarantinedRow.objects.all(), 7).recorded == 0
    assert discard(account, QuarantinedRow.objects.all()) == 0
    assert (count_of(other), LedgerEntry.objects.count()) == (1, 0)


def test_more_than_a_thousand_are_recorded_in_turns(account: ExchangeAccount) -> None:
    taken(account, *(make_row() for _number in range(1100)))
    assert replayed(account).recorded == 1100
    assert count_of(account) == 0


@pytest.mark.parametrize(
    "change",
    [{"state": "recorded"}, {"state": "discarded"}, {"settled_at": timezone.now()}, {"state": "gone"}],
)
def test_the_database_holds_a_row_to_its_state(account: ExchangeAccount, change: dict[str, Any]) -> None:
    taken(account, make_row())
    with pytest.raises(IntegrityError):
        QuarantinedRow.objects.update(**change)


def test_a_row_is_there_once(account: ExchangeAccount) -> None:
    taken(account, make_row())
    row = QuarantinedRow.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError):
        row.save()


def at_once(work: Callable[[], Any], times: int) -> list[Any]:
    """The same work in as many threads, begun at the same instant; what each answered."""
    barrier, answers = Barrier(times), list[Any]()

    def run() -> None:
        try:
            barrier.wait(10)
            answers.append(work())
        finally:
            connections.close_all()

    threads = [Thread(target=run) for _number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.mark.django_db(transaction=True)
def test_recorded_by_several_at_once_each_row_is_one_entry() -> None:
    account = make_account()
    make_entry(account=account)
    taken(account, *(make_row() for _number in range(20)))
    done = at_once(lambda: replayed(ExchangeAccount.objects.get(pk=account.pk)), 3)
    assert sum(one.recorded for one in done) == 20
    assert LedgerEntry.objects.count() == 21
    assert set(QuarantinedRow.objects.values_list("state", flat=True)) == {"recorded"}


@pytest.mark.django_db(transaction=True)
def test_taken_by_several_at_once_each_call_is_there_once() -> None:
    account = make_account()
    rows = [*(placed(7) for _number in range(20)), *(make_row() for _number in range(20))]
    done = at_once(lambda: taken(ExchangeAccount.objects.get(pk=account.pk), *rows), 3)
    assert sum(one.recorded for one in done) == LedgerEntry.objects.count() == 20
    assert sum(one.duplicates for one in done) == 40
    assert QuarantinedRow.objects.count() == 20
